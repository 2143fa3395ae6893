internal import CLibPQ

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
