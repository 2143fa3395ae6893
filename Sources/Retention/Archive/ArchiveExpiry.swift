public import Codecs
public import Documents
public import Domain
internal import Foundation
public import Postgres

/// Destroys the archives whose time is over, and certifies that.
public struct ArchiveExpiry: Sendable {
    private let issuer: CertificateIssuer

    /// - Parameters:
    ///   - signingKey: Signs the certificates; nil leaves them unsigned.
    ///   - mode: Who may read the certificates.
    public init(
        templates: TemplateSet, certificates: String, signingKey: SigningKey? = nil, mode: OutputMode = .ownerOnly,
        programVersion: String, host: String
    ) {
        issuer = CertificateIssuer(
            folder: certificates, key: signingKey, files: CertificateFiles(templates, mode: mode),
            programVersion: programVersion, host: host)
    }

    /// What was destroyed.
    public struct Outcome: Sendable {
        public var runs: [Int64] = []
        /// Folders that hold files of somebody else's and were left, a sentence each.
        public var remarks: [Remark] = []
        /// Why others could not be destroyed.
        public var failures: [DaybookError] = []
        public var files: [String] = []
    }

    /// Destroys what is due for it, one archive after another: one that cannot be reached keeps none of the others. An
    /// interrupted call is completed by the next.
    ///
    /// - Parameter tell: Told of certificates whose folder cannot be reached from here.
    public func run(
        _ connection: Connection, tell: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> Outcome {
        let connection = try await connection.direct(for: "The destruction of archives")
        let files = issuer.files
        var outcome = Outcome()
        // First what an earlier call could not write any more.
        outcome.files = try await Uninterrupted.transaction(connection, TransactionOptions()) { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            return try files.publishMissing(session, tell: tell)
        }
        var issued: [CertificateIssuer.Issued] = []
        let expired = try await Uninterrupted.transaction(connection, TransactionOptions()) { try due($0) }
        do {
            for expired in expired {
                // One is destroyed whole, whoever interrupts.
                try Task.checkCancellation()
                do {
                    let (certificates, remarks) = try await destroy(expired, connection)
                    issued += certificates
                    outcome.runs.append(expired.run)
                    outcome.remarks += remarks
                } catch let error as DaybookError where error.kind == .output {
                    outcome.failures.append(error)
                }
            }
            outcome.files += try await Uninterrupted.run(connection) { try files.publishMissing($0, tell: tell) }
        } catch {
            throw await ExpiryEnding(runs: expired.map(\.run), destroyed: outcome.runs).of(error, connection)
        }
        try issuer.requireThere(issued, of: "Archives were destroyed")
        return outcome
    }

    private func due(_ session: Session) throws -> [Expired] {
        try RetentionSession.prepare(session)
        let rows = try session.query(
            """
            SELECT run_id, archive_folder, archive_state = 'expiring' AS was_begun, manifest_sha256
            FROM daybook.purge_run
            WHERE (archive_state = 'kept' AND state = 'finished' AND archive_expires_at <= clock_timestamp())
                OR archive_state = 'expiring'
            ORDER BY run_id
            """)
        if !rows.isEmpty { try issuer.requirePlace(session) }
        return try rows.map { try Expired($0) }
    }

    private func destroy(
        _ expired: Expired, _ connection: DirectConnection
    ) async throws -> (issued: [CertificateIssuer.Issued], remarks: [Remark]) {
        let run = expired.run
        // An older program may have been killed after the manifest, and before the rest: then the records say what the
        // files of this run are.
        let recorded = try await Uninterrupted.run(connection) { try ArchiveManifest.segments(run, $0) }
        let archive = try expired.find(recorded)
        try await Uninterrupted.transaction(connection, TransactionOptions()) { session in
            // Said, and on disk, before it is done: whoever verifies meanwhile misses nothing that is being destroyed.
            try session.executeScript("SET LOCAL synchronous_commit = on")
            _ = try session.execute(
                """
                UPDATE daybook.purge_run SET archive_state = 'expiring'
                WHERE run_id = $1 AND archive_state = 'kept'
                """, [.int(run)])
        }
        let remark = try archive?.remove()
        let (issued, looks) = try await Uninterrupted.transaction(connection, TransactionOptions()) { session in
            let issued = try certify(.archiveExpiry, run, from: [.expiring], to: .destroyed, session)
            return (issued, try Look.open(into: run, session))
        }
        let left = looks.map { look in
            Remark(
                "Rows of purge \(run) are still in the tables of look \(look); drop them with: ", .take(.endLook(look)))
        }
        return (issued, (remark.map { [Remark($0)] } ?? []) + left)
    }

    /// Certifies that an archive is nowhere to be found: nobody says that it was destroyed, and `verify` looks for it
    /// no more.
    ///
    /// Throws `usage` where there is no such archive, and where it is found after all.
    public func writeOff(
        _ run: Int64, _ connection: Connection, tell: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> [String] {
        let connection = try await connection.direct(for: "The writing off of an archive")
        let deed = CertifiedDeed(
            connection: connection, done: "The archive of purge \(run) was written off",
            undone: "Nothing was written off.")
        let issued = try await deed.commit { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            let rows = try session.query(
                """
                SELECT run_id, archive_folder, archive_state = 'expiring' AS was_begun, manifest_sha256
                FROM daybook.purge_run
                WHERE run_id = $1 AND state = 'finished' AND archive_state IN ('kept', 'expiring')
                """, [.int(run)])
            guard let expired = try rows.first.map(Expired.init) else {
                throw DaybookError.usage("Purge \(run) has no archive that is kept; see its certificate.")
            }
            guard !expired.isThere else {
                throw DaybookError.usage(
                    "The archive of purge \(run) is there, so it is not lost; it ends at its time, with: ",
                    .take(.expireArchives))
            }
            return ((), try certify(.archiveLost, run, from: [.kept, .expiring], to: .lost, session).first)
        }.issued
        return try await deed.publish(issued, by: issuer, tell: tell)
    }

    private func certify(
        _ kind: CertificateKind, _ run: Int64, from states: [ArchiveState], to state: ArchiveState, _ session: Session
    ) throws -> [CertificateIssuer.Issued] {
        try RetentionSession.prepare(session)
        let isOurs = try session.execute(
            "UPDATE daybook.purge_run SET archive_state = $3 WHERE run_id = $1 AND archive_state = ANY ($2)",
            [.int(run), .texts(states.map(\.rawValue)), .text(state.rawValue)])
        guard isOurs == 1 else { return [] }
        return [try issuer.issue(.init(kind: kind, run: run), session)]
    }

    /// An archive whose time is over.
    private struct Expired: Sendable {
        let run: Int64
        let folder: String
        /// True where an earlier call began to remove it.
        let wasBegun: Bool
        let manifestDigest: String?

        init(_ row: Row) throws {
            run = try row.int("run_id")
            folder = try row.text("archive_folder")
            wasBegun = try row.bool("was_begun")
            manifestDigest = try row.optionalText("manifest_sha256")
        }

        /// True if the archive that was certified lies here.
        var isThere: Bool {
            guard let manifestDigest,
                let bytes = FileManager.default.contents(atPath: ArchiveFolder(path: path).manifest)
            else { return false }
            return SHA256Digest.hex(Array(bytes)) == manifestDigest
        }

        private var path: String { ArchiveFolder.path(in: folder, run: run) }

        /// What is to be removed: the files that the manifest of this very run names, or, where an earlier call was
        /// killed after the manifest went, those that were recorded and are what they were. Nil where all is gone.
        ///
        /// Throws `output` unless it is certain that what lies here is this archive: one that cannot be seen from here
        /// is not destroyed, and a folder that never was an archive is not touched.
        func find(_ recorded: [ArchiveManifest.Segment]) throws -> ArchiveRemoval? {
            let archive = ArchiveFolder(path: path)
            if isThere {
                let manifest = try ArchiveManifest.read(archive.manifest).manifest
                if manifest.run == run {
                    return ArchiveRemoval(folder: archive, run: run, files: manifest.segments.map(\.fileName))
                }
            } else if wasBegun, access(folder, R_OK | X_OK) == 0,
                !FileManager.default.fileExists(atPath: archive.manifest)
            {
                guard FileManager.default.fileExists(atPath: path) else { return nil }
                // Without one piece on record there is nothing to tell this folder from any other.
                let left = recorded.filter { FileManager.default.fileExists(atPath: archive.file($0.fileName)) }
                if !recorded.isEmpty,
                    left.allSatisfy({ SegmentReader(path: archive.file($0.fileName), key: nil).sha256 == $0.sha256 })
                {
                    return ArchiveRemoval(folder: archive, run: run, files: left.map(\.fileName))
                }
            }
            throw DaybookError.output(
                "The archive of purge \(run) is not in \(path), or cannot be read there; nothing was destroyed or "
                    + "certified about it. Run this where the archive is, as a user who may remove it. If it is lost "
                    + "for good: ", .take(.writeOffArchive(of: run)))
        }
    }
}

/// How the destruction of archives ended before its end: which are gone, and which are certified as gone.
struct ExpiryEnding: Sendable {
    /// Whose archives were to be destroyed.
    let runs: [Int64]
    /// Those that were, as far as the program knows.
    let destroyed: [Int64]

    func of(_ error: any Error, _ connection: DirectConnection) async -> any Error {
        let isInterruption = RunEnding.isInterruption(error)
        do {
            let runs = runs
            let states = try await Aftermath.ask(connection) { session in
                try session.query(
                    "SELECT run_id, archive_state FROM daybook.purge_run WHERE run_id = ANY ($1) ORDER BY run_id",
                    [.ints(runs)]
                ).map { (run: try $0.int("run_id"), state: ArchiveState(rawValue: try $0.text("archive_state"))) }
            }
            func these(_ state: ArchiveState) -> [Int64] { states.filter { $0.state == state }.map(\.run) }
            return StoppedRun(
                isInterruption ? .interruption : .failure(Aftermath.settled(error)),
                standing: Self.standing(these(.destroyed), begun: these(.expiring), left: these(.kept)),
                .take(.expireArchives))
        } catch let unanswered {
            guard !(unanswered is DaybookError) else { return unanswered }
            return StoppedRun(
                isInterruption ? .interruption : .failure(error),
                standing: "At least so far as this program knows: "
                    + Self.standing(destroyed, begun: [], left: runs.filter { !destroyed.contains($0) }),
                .take(.expireArchives))
        }
    }

    private static func standing(_ destroyed: [Int64], begun: [Int64], left: [Int64]) -> String {
        var parts: [String] = []
        if !destroyed.isEmpty { parts.append("\(archives(destroyed)) destroyed, which is certified") }
        if !begun.isEmpty { parts.append("\(archives(begun)) being destroyed, which nothing certifies yet") }
        if !left.isEmpty { parts.append("\(archives(left)) still there") }
        let sentence = parts.isEmpty ? "No archive was due" : parts.joined(separator: "; ")
        return sentence + ". Go on with: "
    }

    private static func archives(_ runs: [Int64]) -> String {
        runs.count == 1
            ? "the archive of purge \(runs[0]) is"
            : "the archives of the purges \(runs.map(String.init).joined(separator: ", ")) are"
    }
}
