package import Domain
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

/// What a standby can say of a month: a final report needs everything that the primary had by the month's finality.
package struct ReplayedMonth {
    /// Whose month it is, as a sentence begins.
    package let title: String
    package let finalityAt: Instant
    /// The cutoff that was asked for, nil for none.
    package let cutoff: Instant?

    /// Throws `tryAgain` on a standby that has yet to replay what the report would count: of a month that is over and
    /// final by now, or up to a cutoff.
    package func require(_ session: Session) throws {
        guard let replayedAt = session.replay?.replayedAt else { return }
        let now = try session.query("SELECT pg_catalog.transaction_timestamp() AS now")[0].instant("now")
        if let refusal = refusal(replayedAt: replayedAt, now: now) { throw refusal }
    }

    /// Why a standby that has replayed so far says nothing of the month now; nil where it can.
    package func refusal(replayedAt: Instant, now: Instant) -> DaybookError? {
        let neededAt = min(cutoff ?? finalityAt, finalityAt)
        guard replayedAt < neededAt, neededAt <= now else { return nil }
        return DaybookError(
            .tryAgain,
            "\(title) needs what the primary had at \(neededAt), and this standby has replayed it to \(replayedAt): "
                + "try again later, report from the primary, or name an earlier --cutoff for a preliminary report.")
    }
}
