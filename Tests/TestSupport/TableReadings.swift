public import Postgres

/// How many rows of each table of the service were read by a piece of work, as the server counts them.
public struct TableReadings: Sendable {
    private let read: [String: Int64]
    private let rows: [String: Int64]

    /// Runs the body on the connection, and looks at what the database's tables were read for it. Nobody else reads
    /// them meanwhile.
    public nonisolated(nonsending) init(
        _ connection: Connection, _ body: (Connection) async throws -> Void
    ) async throws {
        let before = try await Self.counters(connection)
        try await body(connection)
        let after = try await Self.counters(connection)
        read = after.merging(before) { $0 - $1 }
        rows = try await connection.run { session in
            try Dictionary(
                uniqueKeysWithValues: after.keys.map { name in
                    let count = try session.query("SELECT count(*) AS rows FROM \(name)")[0]
                    return (name, try count.int("rows"))
                })
        }
    }

    /// How often a table was read: rows that were fetched for each that is there, rounded up.
    public func passes(over table: String) -> Int64 {
        let count = max(rows[table] ?? 0, 1)
        return ((read[table] ?? 0) + count - 1) / count
    }

    private nonisolated(nonsending) static func counters(_ connection: Connection) async throws -> [String: Int64] {
        // What this session has read is counted when its next statement has ended.
        try await connection.run { _ = try $0.query("SELECT pg_stat_force_next_flush()::text") }
        return try await connection.run { session in
            _ = try session.query("SELECT pg_stat_clear_snapshot()::text")
            return try Dictionary(
                uniqueKeysWithValues: session.query(
                    """
                    SELECT schemaname || '.' || relname AS name,
                        (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint AS rows
                    FROM pg_stat_user_tables
                    """
                ).map { (try $0.text("name"), try $0.int("rows")) })
        }
    }
}
