public import Postgres

/// Citus's catalogue as it says what is on several servers, on a server where everything is here: what goes by it does
/// so, and reads the same rows. `scripts/test-distributed` runs the commands on a real coordinator.
public enum CitusCatalogue {
    /// A table of which Citus knows: its name, the column by which it is divided, or nil for one that every server has
    /// whole, and the number of what lies together.
    public typealias Table = (name: String, column: String?, colocation: Int)

    /// The service's history divided by its customers, and their list whole on every server.
    public static let history: [Table] = [
        ("public.video_tasks", "user_id", 1), ("public.batch_jobs", "user_id", 1),
        ("public.credit_ledger", "user_id", 1), ("public.credit_wallet", "user_id", 1), ("public.users", nil, 2),
    ]

    /// Makes the catalogue, with a table of the coordinator alone that Citus only knows.
    public static func install(_ tables: [Table], in settings: ConnectionSettings) async throws {
        let rows = tables.map { table in
            "('\(table.name)', \(table.column.map { "'h', '\($0)'" } ?? "'n', NULL"), \(table.colocation), "
                + "'\(table.column == nil ? "t" : "s")')"
        }
        let connection = try await Connection.open(settings)
        do {
            try await connection.run { session in
                try session.executeScript(
                    """
                    SET allow_system_table_mods = on;
                    CREATE TABLE pg_catalog.pg_dist_partition (
                        logicalrelid regclass, partmethod "char", partkey text, colocationid int, repmodel "char");
                    CREATE TABLE pg_catalog.pg_dist_shard (logicalrelid regclass, shardid bigint);
                    CREATE FUNCTION pg_catalog.column_to_column_name(regclass, text) RETURNS text
                        LANGUAGE sql RETURN $2;
                    GRANT SELECT ON pg_catalog.pg_dist_partition, pg_catalog.pg_dist_shard TO PUBLIC;
                    INSERT INTO pg_catalog.pg_dist_partition VALUES \(rows.joined(separator: ", ")),
                        ('daybook.account', 'n', NULL, 0, 's');
                    INSERT INTO pg_catalog.pg_dist_shard
                    SELECT p.logicalrelid, s FROM pg_catalog.pg_dist_partition AS p
                    CROSS JOIN generate_series(1, 8) AS s WHERE p.partmethod = 'h'
                    """)
            }
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }
}
