internal import CLibPQ
internal import Glibc

/// One attempt to reach a server, on the thread that calls.
///
/// Blocks.
struct ConnectionAttempt {
    let settings: ConnectionSettings
    /// Asked while waiting; true gives the attempt up.
    let isCancelled: () -> Bool

    /// How often ``isCancelled`` is asked, in milliseconds.
    private static let sliceMilliseconds: Int32 = 100

    /// An open connection, which the caller owns.
    ///
    /// Throws ``PostgresError``: settings that cannot be read, or a server
    /// that cannot be reached, with the reason as precise as it is known.
    func run() throws -> OpaquePointer {
        let plan = try settings.plan()
        let connection = plan.hasSeveralHosts ? connectInTurn(plan) : try connectPolling(plan)
        guard let connection else { throw PostgresError(.connectionFailed, "Memory for a connection is short.") }
        guard PQstatus(connection) == CONNECTION_OK else {
            defer { PQfinish(connection) }
            throw PostgresError(connecting: connection)
        }
        return connection
    }

    /// With several hosts libpq's own loop is used: only it may leave a silent
    /// host for the next.
    ///
    /// Its messages have no SQLSTATE.
    private func connectInTurn(_ plan: ConnectionSettings.Plan) -> OpaquePointer? {
        ConnectionSettings.withPointers(plan.parameters) { PQconnectdbParams($0, $1, 1) }
    }

    /// With one host the steps are polled here: failures then carry their
    /// SQLSTATE whatever the server's language, and the attempt can be given up.
    private func connectPolling(_ plan: ConnectionSettings.Plan) throws -> OpaquePointer? {
        let connection = ConnectionSettings.withPointers(plan.parameters) { PQconnectStartParams($0, $1, 1) }
        guard let connection, PQstatus(connection) != CONNECTION_BAD else { return connection }
        PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
        let deadline = plan.limitSeconds.map { ContinuousClock.now + .seconds($0) }
        var step = PGRES_POLLING_WRITING
        while step != PGRES_POLLING_OK && step != PGRES_POLLING_FAILED {
            do {
                try wait(for: step, of: connection, until: deadline)
            } catch {
                PQfinish(connection)
                throw error
            }
            step = PQconnectPoll(connection)
        }
        PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
        return connection
    }

    private func wait(
        for step: PostgresPollingStatusType,
        of connection: OpaquePointer,
        until deadline: ContinuousClock.Instant?
    ) throws {
        let events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT
        while true {
            var descriptor = pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0)
            if poll(&descriptor, 1, Self.sliceMilliseconds) > 0 { return }
            if isCancelled() { throw PostgresError(.cancelled, "Connecting was cancelled.") }
            if let deadline, ContinuousClock.now > deadline { throw silence(of: connection) }
        }
    }

    private func silence(of connection: OpaquePointer) -> PostgresError {
        let server = PostgresError.serverName(
            host: PQhost(connection).map { String(cString: $0) } ?? "",
            port: PQport(connection).map { String(cString: $0) } ?? ""
        )
        return PostgresError(
            .connectionFailed,
            "\(server) did not answer within the time limit (connect_timeout): check its address and the network."
        )
    }
}
