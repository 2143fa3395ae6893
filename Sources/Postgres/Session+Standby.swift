internal import CLibPQ
public import Domain

/// Servers that take no changes: standbys, and databases whose transactions are read-only by default.
extension Session {
    /// How far a standby had replayed its primary's changes.
    public struct Replay: Sendable, Hashable {
        /// Everything that the primary committed up to here is there.
        public let replayedAt: Instant
        /// When the server was started, which tells one standby from another.
        let startedAt: Instant
    }

    /// Whether the server is a standby, as it says by itself; nil where it does not: a server before 14, or a pooler,
    /// which repeats what some server said once.
    var isStandby: Bool? { status("in_hot_standby") }

    /// True where the server said that it takes no changes in this session.
    var takesNoChanges: Bool {
        refusedChange || isStandby == true || status("default_transaction_read_only") == true
    }

    /// What the server reports at every change, with its next answer.
    private func status(_ name: String) -> Bool? {
        guard !isPooled else { return nil }
        return PQparameterStatus(openConnection, name).map { String(cString: $0) == "on" }
    }

    /// Refuses a server that takes no changes: a standby, or a database or a login that is read-only by default.
    ///
    /// Throws ``PostgresError/Code/standby`` or ``PostgresError/Code/readOnlyDatabase``.
    public func requireWritable() throws {
        guard isStandby != false || status("default_transaction_read_only") != false else { return }
        let row = try query(
            """
            SELECT pg_catalog.pg_is_in_recovery() AS is_standby,
                pg_catalog.current_setting('transaction_read_only') = 'on' AS is_read_only
            """)[0]
        let isStandby = try row.bool("is_standby")
        guard try isStandby || row.bool("is_read_only") else { return }
        refusedChange = true
        throw Self.refusal(isStandby: isStandby)
    }

    /// What a refused change means, where it is the server that takes none; any other error as it is.
    ///
    /// Outside of a transaction.
    func explained(_ error: any Error) -> any Error {
        guard let error = error as? PostgresError, error.code == .server, !isLost, !isInTransaction else {
            return error
        }
        // A standby has further words for what it cannot do, such as taking a strong lock.
        let states: [SQLState?] = [.readOnlyTransaction, .featureNotSupported, .notInPrerequisiteState]
        guard states.contains(error.sqlState) else { return error }
        let isStandby =
            try? isStandby ?? query("SELECT pg_catalog.pg_is_in_recovery() AS is_standby")[0].bool("is_standby")
        guard isStandby == true || error.sqlState == .readOnlyTransaction else { return error }
        refusedChange = true
        var refusal = Self.refusal(isStandby: isStandby == true)
        (refusal.sqlState, refusal.message, refusal.sql) = (error.sqlState, error.message, error.sql)
        return refusal
    }

    private static func refusal(isStandby: Bool) -> PostgresError {
        isStandby
            ? PostgresError(
                .standby,
                "The server is a standby, which only follows its primary and can be read but not written: run this on "
                    + "the primary")
            : PostgresError(
                .readOnlyDatabase,
                "The database takes no changes now (default_transaction_read_only is on for the server, the database "
                    + "or this login): run this again when it does, or have the setting turned off.")
    }
}

/// The instant of a snapshot, on a standby as well.
extension Session {
    /// How far the server has replayed its primary's changes; nil where it is no standby.
    ///
    /// It is asked before a snapshot is taken, which then holds at least that; asked afterwards, it may already count
    /// what the snapshot does not see. Commits say when they were made. A standby that has replayed none since it was
    /// started holds what the primary had at the checkpoint from which it started.
    func readReplay() throws -> Replay? {
        guard isStandby != false else { return nil }
        let rows = try query(
            """
            SELECT greatest(pg_catalog.pg_last_xact_replay_timestamp(), c.checkpoint_time) AS replayed_at,
                pg_catalog.pg_postmaster_start_time() AS started_at
            FROM pg_catalog.pg_control_checkpoint() AS c
            WHERE pg_catalog.pg_is_in_recovery()
            """)
        return try rows.first.map {
            Replay(replayedAt: try $0.instant("replayed_at"), startedAt: try $0.instant("started_at"))
        }
    }

    /// The instant as of which the snapshot of this transaction shows the database, at the latest: its beginning, or
    /// what a standby had replayed by then.
    ///
    /// The transaction has the option ``TransactionOptions/notesReplay``. Throws `tryAgain` where a pooler led it to
    /// another server than the question before it.
    public func snapshotInstant() throws -> Instant {
        let row = try query(
            """
            SELECT pg_catalog.transaction_timestamp() AS now, pg_catalog.pg_is_in_recovery() AS is_standby,
                pg_catalog.pg_postmaster_start_time() AS started_at
            """)[0]
        let now = try row.instant("now")
        if try row.bool("is_standby") {
            guard let replay, try replay.startedAt == row.instant("started_at") else {
                throw DaybookError(
                    .tryAgain,
                    "The pooler led from one server to another, so that nothing can be said about how far this standby "
                        + "is: try again, or connect directly, to one server's own address and port.")
            }
        }
        return replay.map { min($0.replayedAt, now) } ?? now
    }
}
