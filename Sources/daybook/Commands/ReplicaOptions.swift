import ArgumentParser
import Console
import Domain
import Postgres

/// From which server a report reads: a standby, while --database stays the primary, which keeps what is recorded.
struct ReplicaOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Read from this standby of the database. What is sent is recorded in the database itself.",
            valueName: "url"))
    var replica: String?

    /// How to reach the server to read from.
    func settings(_ database: DatabaseOptions) async throws -> ConnectionSettings {
        guard let replica else { return try await database.settings() }
        let settings = ConnectionSettings(conninfo: replica)
        if settings.holdsPassword { ExposedSecret.tell(of: "--replica", advice: ExposedSecret.passwordFile) }
        return settings
    }

    /// Connects to what is read from, and to what records; they are one connection where no standby is named, or
    /// nothing is recorded. What cannot be recorded is not begun.
    func withConnections<Result: Sendable>(
        _ database: DatabaseOptions, _ source: ConnectionSettings, records: Bool,
        _ body: (_ reading: Connection, _ recording: Connection) async throws -> Result
    ) async throws -> Result {
        try await DatabaseOptions.withConnection(source) { reading in
            guard replica != nil else {
                if records { try await reading.run { try $0.requireWritable() } }
                return try await body(reading, reading)
            }
            let copied = try await Self.origin(reading)
            guard copied.isStandby else {
                throw DaybookError.configuration(
                    "The server of --replica is no standby: name the primary with --database, and leave --replica out.")
            }
            guard records else { return try await body(reading, reading) }
            return try await database.withConnection { recording in
                try await recording.run { try $0.requireWritable() }
                guard try await Self.origin(recording).database == copied.database else {
                    throw DaybookError.configuration(
                        "--replica names a standby of another database than --database does: what would be sent has "
                            + "nothing to do with what would be recorded.")
                }
                return try await body(reading, recording)
            }
        }
    }

    /// Whether a server is a standby, and which database it has: the cluster's own number and the name, which all
    /// copies of it share.
    private static func origin(_ connection: Connection) async throws -> (isStandby: Bool, database: String) {
        try await connection.run { session in
            let row = try session.query(
                """
                SELECT pg_catalog.pg_is_in_recovery() AS is_standby,
                    c.system_identifier::text || ' ' || pg_catalog.current_database() AS database
                FROM pg_catalog.pg_control_system() AS c
                """)[0]
            return (try row.bool("is_standby"), try row.text("database"))
        }
    }
}
