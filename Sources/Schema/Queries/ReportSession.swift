import Domain
package import Postgres

/// How every report reads: one snapshot, nothing written and nothing kept, nothing hidden, nothing looked up where an
/// application could have put it.
package enum ReportSession {
    /// Memory of a sort or hash of a report's query. Percentiles sort every task.
    private static let workMemory = "128MB"
    /// How often that memory all parts of one reading together may take for groups in a hash.
    ///
    /// PostgreSQL counts 8 kB for every group that gathers values, whatever it gathers, and writes to disk what goes
    /// beyond: 8 times 128 MB are 130,000 kinds of tasks.
    private static let sharedHashes = 8.0

    package static func options(statementTimeoutMilliseconds: Int) -> TransactionOptions {
        TransactionOptions(
            isolation: .repeatableRead, readOnly: true,
            statementTimeoutMilliseconds: statementTimeoutMilliseconds, isUndone: true, notesReplay: true)
    }

    /// Settings of the transaction.
    ///
    /// With `row_security` off a role that would not see every row gets an error, never a smaller total.
    package static let settings = """
        SET LOCAL row_security = off;
        SET LOCAL search_path = pg_catalog, pg_temp;
        SET LOCAL TimeZone = 'UTC';
        SET LOCAL DateStyle = 'ISO, YMD';
        SET LOCAL jit = off;
        SET LOCAL work_mem = '\(workMemory)'
        """

    /// For a transaction that only reads, as the role that can do nothing else; over distributed tables, as the login.
    package static func prepare(_ session: Session) throws {
        try prepareWriting(session)
        // Citus asks its servers as whoever a session works as, and no role of ours may log in anywhere.
        guard try !session.isDistributed() else { return }
        // The role that can only read, where there is one with rights on this database.
        _ = try session.query(
            """
            SELECT set_config('role', r.rolname, true) FROM pg_roles AS r
            WHERE r.rolname = 'daybook_report' AND pg_has_role(session_user, r.oid, 'MEMBER')
                AND CASE WHEN to_regnamespace('daybook') IS NOT NULL
                    THEN has_schema_privilege(r.oid, 'daybook', 'USAGE') ELSE false END
            """)
    }

    /// Reads one part of a deployment's tasks, of several that are read at once: with its share of the memory for
    /// groups, and with queries compiled where there are so many tasks that it pays.
    package static func readingMany<Result>(
        _ session: Session, parts: Int, _ body: () throws -> Result
    ) throws -> Result {
        let isCompiled = try bytesOfTasks(session) >= Limits.bytesOfCompiledReading * Int64(parts)
        _ = try session.query(
            """
            SELECT set_config('hash_mem_multiplier',
                    greatest($1::numeric, current_setting('hash_mem_multiplier')::numeric)::text, true),
                set_config('jit', $2, true)
            """,
            [.text(String(sharedHashes / Double(parts))), .text(isCompiled ? "on" : "off")])
        let result = try body()
        try session.executeScript("SET LOCAL hash_mem_multiplier TO DEFAULT; SET LOCAL jit = off")
        return result
    }

    /// How large the service's table of tasks is, with its partitions, by the catalogue's own numbers: asking for the
    /// size of a file would wait for whoever locks the table.
    package static func bytesOfTasks(_ session: Session) throws -> Int64 {
        try session.query(
            """
            SELECT coalesce(sum(c.relpages), 0)::bigint * pg_catalog.current_setting('block_size')::bigint AS bytes
            FROM pg_catalog.pg_class AS c
            WHERE c.oid = pg_catalog.to_regclass('public.video_tasks') OR c.oid IN (
                SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i
                WHERE i.inhparent = pg_catalog.to_regclass('public.video_tasks')
            )
            """)[0].int("bytes")
    }

    /// For a transaction that also writes to the books: as the role that the login is.
    package static func prepareWriting(_ session: Session) throws {
        try session.executeScript(settings)
        try LedgerLock.share(session)
    }
}
