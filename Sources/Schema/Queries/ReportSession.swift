import Domain
package import Postgres

/// How every report reads: one snapshot, nothing written and nothing kept, nothing hidden, nothing looked up where an
/// application could have put it.
package enum ReportSession {
    /// Memory of a sort or hash of a report's query. Percentiles sort every task.
    private static let workMemory = "128MB"

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

    /// For a transaction that only reads, as the role that can do nothing else.
    package static func prepare(_ session: Session) throws {
        try prepareWriting(session)
        // The role that can only read, where there is one with rights on this database.
        _ = try session.query(
            """
            SELECT set_config('role', r.rolname, true) FROM pg_roles AS r
            WHERE r.rolname = 'daybook_report' AND pg_has_role(session_user, r.oid, 'MEMBER')
                AND CASE WHEN to_regnamespace('daybook') IS NOT NULL
                    THEN has_schema_privilege(r.oid, 'daybook', 'USAGE') ELSE false END
            """)
    }

    /// For a transaction that also writes to the books: as the role that the login is.
    package static func prepareWriting(_ session: Session) throws {
        try session.executeScript(settings)
        try LedgerLock.share(session)
    }
}
