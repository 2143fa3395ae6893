internal import CLibPQ

extension PostgresError {
    /// Why a connection that libpq gave up on could not be made.
    ///
    /// The SQLSTATE is read from the verbose message, because libpq has no
    /// result to ask before a connection stands.
    init(connecting connection: OpaquePointer?) {
        let message = PQerrorMessage(connection).map { String(cString: $0) } ?? ""
        let text = { (pointer: UnsafeMutablePointer<CChar>?) in pointer.map { String(cString: $0) } ?? "" }
        self.init(
            connectMessage: message,
            server: Self.serverName(host: text(PQhost(connection)), port: text(PQport(connection))),
            user: text(PQuser(connection)),
            database: text(PQdb(connection))
        )
    }

    /// The same from its parts.
    init(connectMessage message: String, server: String, user: String, database: String) {
        let sqlState = SQLState(inVerboseMessage: message)
        let code = Self.connectCode(sqlState, message: message)
        let sentence =
            switch code {
            case .authenticationFailed:
                "\(server) refused user \"\(user)\": check the user, its password (PGPASSWORD, ~/.pgpass or the "
                    + "connection settings) and the server's pg_hba.conf."
            case .databaseMissing:
                "\(server) has no database \"\(database)\": check its name, or create it."
            case .tooManyConnections:
                "\(server) has no connection to spare: try again later, or raise its max_connections."
            case .tlsFailed:
                "TLS with \(server) could not be agreed on: check sslmode, sslrootcert and the server's certificate."
            case .invalidSettings:
                "The connection settings cannot be used: check the host, port, service and sslmode given."
            default:
                sqlState == .cannotConnectNow
                    ? "\(server) is starting up or shutting down: try again in a moment."
                    : "\(server) cannot be reached: check that it runs, its address and port, and the network between."
            }
        self.init(code, sentence)
        self.sqlState = sqlState
        self.message = message.trimmedEnd
    }

    private static func connectCode(_ sqlState: SQLState?, message: String) -> Code {
        switch sqlState {
        case .invalidPassword: return .authenticationFailed
        case .invalidAuthorization:
            // pg_hba.conf refuses an unencrypted connection with this state too.
            return .authenticationFailed
        case .invalidDatabase: return .databaseMissing
        case .tooManyConnections: return .tooManyConnections
        case .some: return .connectionFailed
        case nil: break
        }
        // Without a state these words are libpq's own, which are never translated here.
        let says = { (words: String) in message.contains(words) }
        if says("no password supplied") || says("SCRAM") { return .authenticationFailed }
        if says("SSL") || says("certificate") { return .tlsFailed }
        if says("invalid ") || says("definition of service") || says("service file") { return .invalidSettings }
        return .connectionFailed
    }

    /// How a sentence calls a server: by socket folder or by host and port.
    static func serverName(host: String, port: String) -> String {
        if host.isEmpty { return "The PostgreSQL server" }
        return host.hasPrefix("/")
            ? "The PostgreSQL server at the socket in \(host) (port \(port))"
            : "The PostgreSQL server at \(host), port \(port),"
    }
}

extension SQLState {
    /// The state in a message like `FATAL:  28P01: password authentication failed`.
    fileprivate init?(inVerboseMessage message: String) {
        for line in message.split(whereSeparator: \.isNewline) {
            for part in line.split(separator: ":").dropFirst() {
                let word = part.drop { $0 == " " }
                // Two spaces come before a state; the message that follows has one.
                guard part.hasPrefix("  "), word.utf8.count == 5 else { continue }
                if word.allSatisfy({ $0.isASCII && ($0.isNumber || $0.isUppercase) }) {
                    self.init(rawValue: String(word))
                    return
                }
            }
        }
        return nil
    }
}
