internal import CLibPQ
internal import Glibc

/// One attempt to reach a server, on the thread that calls.
///
/// Blocks.
struct ConnectionAttempt {
    let settings: ConnectionSettings
    /// Receives what the server says from the first byte on, which libpq would print otherwise; must outlive the
    /// connection.
    let notices: NoticeRelay
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
        let connection = ConnectionSettings.withPointers(plan.parameters) { PQconnectStartParams($0, $1, 1) }
        guard let connection else { throw PostgresError(.connectionFailed, "Memory for a connection is short.") }
        notices.receive(from: connection)
        if PQstatus(connection) != CONNECTION_BAD {
            if plan.hasSeveralHosts { connectInTurn(connection) } else { try poll(connection, plan) }
        }
        guard PQstatus(connection) == CONNECTION_OK else {
            defer { PQfinish(connection) }
            throw PostgresError(connecting: connection)
        }
        return connection
    }

    /// With several hosts libpq's own loop is used: only it may leave a silent host for the next. It is had for a
    /// connection that is there, with its receiver of notices, by beginning again; no byte was sent until then.
    ///
    /// Its messages have no SQLSTATE.
    private func connectInTurn(_ connection: OpaquePointer) {
        PQreset(connection)
    }

    /// With one host the steps are polled here: failures then carry their SQLSTATE whatever the server's language, and
    /// the attempt can be given up. Closes the connection where it throws.
    private func poll(_ connection: OpaquePointer, _ plan: ConnectionSettings.Plan) throws {
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
    }

    private func wait(
        for step: PostgresPollingStatusType,
        of connection: OpaquePointer,
        until deadline: ContinuousClock.Instant?
    ) throws {
        let events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT
        while true {
            var descriptor = pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0)
            if Glibc.poll(&descriptor, 1, Self.sliceMilliseconds) > 0 { return }
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

extension ConnectionSettings {
    /// Keywords and values in the order that libpq takes them: later ones win.
    typealias Parameters = [(keyword: String, value: String)]

    /// What is handed to libpq, and what it will make of it.
    struct Plan {
        /// Keywords and values.
        let parameters: Parameters
        /// How long one host may take, nil for no limit.
        let limitSeconds: Int?
        /// True where libpq has several hosts to try in turn.
        let hasSeveralHosts: Bool
    }

    /// Settles what the settings, the service file and the environment say together.
    ///
    /// Throws ``PostgresError`` with code ``PostgresError/Code/invalidSettings``
    /// where the connection string cannot be read.
    func plan() throws -> Plan {
        if Self.isConnectionString(conninfo), Self.parse(conninfo) == nil {
            throw PostgresError(
                .invalidSettings,
                "The connection string cannot be read: write postgresql://user@host:port/database, or "
                    + "keywords such as host=… dbname=…, with special characters escaped."
            )
        }
        let resolved = Self.resolved(givenParameters)
        let defaults = ownDefaults.filter { resolved[$0.keyword] == nil }
        // libpq's rule: nothing, 0 and below mean no limit, and 1 is taken as 2.
        let limit = resolved["connect_timeout"].map { Int($0) ?? 0 } ?? connectTimeoutSeconds
        return Plan(
            parameters: defaults + givenParameters + [("client_encoding", "UTF8")],
            limitSeconds: limit <= 0 ? nil : max(2, limit),
            hasSeveralHosts: ["host", "hostaddr"].contains { resolved[$0]?.contains(",") == true }
        )
    }

    private var givenParameters: Parameters {
        // The first database name is the one that libpq expands into a whole string.
        let first: Parameters = conninfo.isEmpty ? [] : [("dbname", conninfo)]
        return first + options.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private var ownDefaults: Parameters {
        [
            ("connect_timeout", String(connectTimeoutSeconds)),
            ("fallback_application_name", applicationName),
            // A peer that is gone is noticed while waiting for it (keepalives)
            // and while sending to it (tcp_user_timeout), within a minute.
            ("keepalives_idle", "30"),
            ("keepalives_interval", "10"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "60000"),
        ]
    }

    /// Every keyword with a value once libpq has looked at the service file,
    /// the environment and its defaults.
    ///
    /// libpq resolves them only for a connection; an impossible `sslmode` in
    /// the last place makes it stop before it reaches for the network, and a
    /// password before it reads, and maybe complains of, `~/.pgpass`.
    private static func resolved(_ parameters: Parameters) -> [String: String] {
        let stopped = parameters + [("password", "none"), ("sslmode", "unconnected")]
        let connection = withPointers(stopped) { PQconnectStartParams($0, $1, 1) }
        guard let connection else { return [:] }
        defer { PQfinish(connection) }
        guard let list = PQconninfo(connection) else { return [:] }
        defer { PQconninfoFree(list) }
        return keywords(in: list)
    }

    /// Lends the two arrays that libpq takes, each ended by a null pointer.
    static func withPointers<Result>(
        _ parameters: Parameters,
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        var storage: [CChar] = []
        var offsets: [(keyword: Int, value: Int)] = []
        for (keyword, value) in parameters {
            let keywordOffset = storage.count
            storage.append(contentsOf: keyword.utf8CString)
            offsets.append((keywordOffset, storage.count))
            storage.append(contentsOf: value.utf8CString)
        }
        return storage.withUnsafeBufferPointer { bytes in
            let keywords: [UnsafePointer<CChar>?] = offsets.map { bytes.baseAddress?.advanced(by: $0.keyword) } + [nil]
            let values: [UnsafePointer<CChar>?] = offsets.map { bytes.baseAddress?.advanced(by: $0.value) } + [nil]
            return body(keywords, values)
        }
    }
}
