internal import Codecs
internal import Domain
internal import Postgres
internal import Synchronization

/// A transaction that ends in a certificate: whoever interrupts it, or loses the connection, is told whether it was
/// done.
struct CertifiedDeed: Sendable {
    let connection: DirectConnection
    /// What it is when it is done, without a full stop: `The rows of purge 1 were put back`.
    let done: String
    /// What is said where it was not, as a whole sentence: `Nothing was put back.`
    let undone: String

    /// The certificate of a transaction that may be committed or not.
    private final class Draft: Sendable {
        private let issued = Mutex<CertificateIssuer.Issued?>(nil)
        var value: CertificateIssuer.Issued? { issued.withLock { $0 } }
        func set(_ value: CertificateIssuer.Issued?) { issued.withLock { $0 = value } }
    }

    /// Runs the body, which gives its certificate, too; nil where nothing was to be certified.
    ///
    /// - Parameter isShielded: True lets an interruption wait for its end.
    func commit<Result: Sendable>(
        _ options: TransactionOptions = TransactionOptions(), isShielded: Bool = false,
        _ body: @escaping @Sendable (Session) throws -> (Result, CertificateIssuer.Issued?)
    ) async throws -> (result: Result, issued: CertificateIssuer.Issued?) {
        let draft = Draft()
        let drafting: @Sendable (Session) throws -> (Result, CertificateIssuer.Issued?) = { session in
            let given = try body(session)
            draft.set(given.1)
            return given
        }
        do {
            let (result, issued) =
                isShielded
                ? try await Uninterrupted.transaction(connection, options, drafting)
                : try await connection.transaction(options, drafting)
            return (result, issued)
        } catch {
            throw await ending(error, draft.value)
        }
    }

    private func ending(_ error: any Error, _ issued: CertificateIssuer.Issued?) async -> any Error {
        if RunEnding.isInterruption(error) { return StoppedRun(.interruption, standing: undone) }
        guard error is PostgresError else { return error }
        guard Aftermath.isInDoubt(error) else { return StoppedRun(.failure(error), standing: undone) }
        guard let issued else { return StoppedRun(.failure(error), standing: "\(done), or not.") }
        do {
            let isDone = try await Aftermath.ask(connection) { session in
                try session.query(
                    "SELECT EXISTS (SELECT FROM daybook.retention_certificate WHERE sha256 = $1) AS is_done",
                    [.text(issued.sha256)])[0].bool("is_done")
            }
            return StoppedRun(.failure(Aftermath.settled(error)), isDone ? standing(issued) : Remark(undone))
        } catch {
            return StoppedRun(
                .failure(error),
                standing: "\(done), or not: if so, `",
                .take(.verifyRetention).then("` counts certificate \(issued.sequence)."))
        }
    }

    private func standing(_ issued: CertificateIssuer.Issued?) -> Remark {
        guard let issued else { return Remark(done + ".") }
        return Remark(
            "\(done); certificate \(issued.sequence) certifies it, and what is missing in its folder is written by: ",
            .take(.resumePurge))
    }

    /// Lays down the certificate of the transaction, which stands by now, and those that are missing in their folders,
    /// whoever interrupts it. Gives the files.
    ///
    /// Throws ``StoppedRun``; and `output` as it is, whose sentence says that the deed is done.
    ///
    /// - Parameters:
    ///   - deed: What is said to be done where its certificate cannot be written; nil for ``done``.
    ///   - tell: Told of certificates whose folder cannot be reached from here.
    func publish(
        _ issued: CertificateIssuer.Issued?, by issuer: CertificateIssuer, of deed: String? = nil,
        tell: @escaping @Sendable (String) -> Void
    ) async throws -> [String] {
        do {
            return try await Uninterrupted.run(connection) { session in
                let files = try issuer.files.publishMissing(session, tell: tell)
                try issuer.requireThere(issued.map { [$0] } ?? [], of: deed ?? done)
                return files
            }
        } catch let error as DaybookError where error.kind == .output {
            throw error
        } catch {
            throw StoppedRun(.failure(error), standing(issued))
        }
    }
}
