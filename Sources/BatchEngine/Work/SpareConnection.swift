import Postgres

/// A connection that is opened when somebody needs it, and closed when nobody has for a while.
actor SpareConnection {
    private let connect: Worker.Connect
    private var opening: Task<DirectConnection, any Error>?
    private var borrowers = 0
    private var freeSince = ContinuousClock.now

    init(_ connect: @escaping Worker.Connect) {
        self.connect = connect
    }

    /// Runs a body with the connection; several may have it, and what they do on it follows each other.
    func lend<Result: Sendable>(
        isolation: isolated (any Actor)? = #isolation, _ body: (DirectConnection) async throws -> Result
    ) async throws -> Result {
        let connection = try await borrow()
        do {
            let result = try await body(connection)
            await giveBack()
            return result
        } catch {
            await giveBack()
            throw error
        }
    }

    private func borrow() async throws -> DirectConnection {
        borrowers += 1
        if opening == nil { opening = Task { [connect] in try await connect() } }
        do {
            guard let opening else { throw CancellationError() }
            return try await opening.value
        } catch {
            borrowers -= 1
            opening = nil
            throw error
        }
    }

    private func giveBack() {
        borrowers -= 1
        freeSince = .now
    }

    /// Closes it where nobody has needed it for so long.
    func closeIfUnused(for pause: Duration) async {
        guard borrowers == 0, ContinuousClock.now - freeSince > pause else { return }
        await close()
    }

    func close() async {
        guard let opening else { return }
        self.opening = nil
        if case .success(let connection) = await opening.result { await connection.close() }
    }
}

extension PostgresError {
    /// True where the same transaction may well succeed when it is run again.
    var isWorthRepeating: Bool { sqlState == .deadlock || sqlState == .serializationFailure }
}
