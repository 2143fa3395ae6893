/// Databases whose tables are on several servers: those that Citus distributes.
extension Session {
    /// Whether Citus keeps a table of the database on several servers, by rows or whole.
    ///
    /// What is read there is not one snapshot: each server answers at a moment of its own.
    public func isDistributed() throws -> Bool {
        let known = try query("SELECT pg_catalog.to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS exists")
        guard try known[0].bool("exists") else { return false }
        return try !query("SELECT FROM pg_catalog.pg_dist_partition LIMIT 1").isEmpty
    }

    /// Refuses a database with distributed tables, before anything was changed: `work` is what needs one server, as a
    /// sentence begins.
    ///
    /// Throws ``PostgresError/Code/distributed``.
    public func requireOneServer(for work: String) throws {
        guard try isDistributed() else { return }
        throw PostgresError(
            .distributed,
            "\(work) needs all tables on one PostgreSQL server, and some of this database are distributed by Citus: "
                + "name the database that the service itself writes to. Nothing was changed.")
    }
}
