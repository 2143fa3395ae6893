internal import CLibPQ

extension ConnectionSettings {
    /// Keywords and values in the order that libpq takes them: later ones win.
    typealias Parameters = [(keyword: String, value: String)]

    /// What is handed to libpq.
    ///
    /// Throws ``PostgresError`` with code ``PostgresError/Code/invalidSettings``
    /// where the connection string cannot be read.
    func parameters() throws -> Parameters {
        if Self.isConnectionString(conninfo), Self.parse(conninfo) == nil {
            throw PostgresError(
                .invalidSettings,
                "The connection string cannot be read: write postgresql://user@host:port/database, or "
                    + "keywords such as host=… dbname=…, with special characters escaped."
            )
        }
        let named = Self.resolved(givenParameters)
        var parameters = ownDefaults.filter { named[$0.keyword] == nil }
        parameters += givenParameters
        parameters.append(("client_encoding", "UTF8"))
        return parameters
    }

    /// How many seconds one host may take, nil for no limit; libpq's own rule
    /// is that nothing, 0 and below mean none and that 1 is taken as 2.
    func connectLimitSeconds(_ parameters: Parameters) -> Int? {
        let resolved = Self.resolved(parameters)["connect_timeout"].flatMap { Int($0) } ?? 0
        return resolved <= 0 ? nil : max(2, resolved)
    }

    /// True where libpq has several hosts to try in turn.
    static func hasSeveralHosts(_ parameters: Parameters) -> Bool {
        let named = resolved(parameters)
        return ["host", "hostaddr"].contains { named[$0]?.contains(",") == true }
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
    /// the last place makes it stop before it reaches for the network.
    private static func resolved(_ parameters: Parameters) -> [String: String] {
        let connection = withPointers(parameters + [("sslmode", "unconnected")]) { keywords, values in
            PQconnectStartParams(keywords, values, 1)
        }
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
