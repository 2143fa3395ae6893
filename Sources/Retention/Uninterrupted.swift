internal import Domain
internal import Postgres

/// Work that a cancelled task still finishes: an interrupted purge ends after its transaction, not in it.
enum Uninterrupted {
    /// The limits of a purge's transaction.
    static let options = TransactionOptions(
        statementTimeoutMilliseconds: Limits.purgeStatementMilliseconds,
        lockTimeoutMilliseconds: Limits.purgeLockMilliseconds)

    @discardableResult
    static func transaction<Result: Sendable>(
        _ connection: DirectConnection, _ options: TransactionOptions = options,
        _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        // A task of its own does not inherit the cancellation.
        try await Task { try await connection.transaction(options, body) }.value
    }

    /// A transaction that changes something, in the session that keeps a second purge out.
    @discardableResult
    static func changing<Result: Sendable>(
        _ connection: DirectConnection, _ options: TransactionOptions = options,
        _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        try await transaction(connection, options) { session in
            try PurgeLock.require(session)
            return try body(session)
        }
    }

    @discardableResult
    static func run<Result: Sendable>(
        _ connection: DirectConnection, _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        try await reading(connection.connection, body)
    }

    /// What needs no session of its own.
    static func reading<Result: Sendable>(
        _ connection: Connection, _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        try await Task { try await connection.run(body) }.value
    }
}

/// One purge, carry-forward or restore at a time in a database.
enum PurgeLock {
    static let key: Int64 = 0x64_6179_7075_7267

    /// True for a row `l` of `pg_locks` that is this lock of this database, held.
    static let isHeld = """
        l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND ((l.classid::bigint << 32) | l.objid::bigint) = \(key)
        """

    /// Takes the lock for as long as the connection is open. Throws `tryAgain` naming who holds it.
    static func take(_ session: Session) throws {
        let taken = try session.query("SELECT pg_try_advisory_lock($1) AS taken", [.int(key)])
        guard try !taken[0].bool("taken") else { return }
        let holder = try holder(session) ?? "it ended this moment"
        throw DaybookError(.tryAgain, "Another purge is running: \(holder). Wait for its end.")
    }

    /// Refuses to go on in a session that does not hold the lock.
    ///
    /// Nothing of ours gives it back before its session ends; a trigger that calls `pg_advisory_unlock_all` does.
    static func require(_ session: Session) throws {
        let held = try session.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_locks AS l
                WHERE \(isHeld) AND l.pid = pg_backend_pid() AND l.mode = 'ExclusiveLock'
            ) AS held
            """)
        guard try held[0].bool("held") else {
            throw DaybookError.configuration(
                "The session of this run no longer holds the lock that keeps a second one out, so it stopped before "
                    + "its next change: look for a trigger or a function that calls pg_advisory_unlock_all, or for a "
                    + "pooler.")
        }
    }

    /// Takes the lock until the transaction ends: neither a purge nor another restore beside it, because each would
    /// count the rows as if it were alone.
    static func takeForRestore(_ session: Session) throws {
        let taken = try session.query("SELECT pg_try_advisory_xact_lock($1) AS taken", [.int(key)])
        guard try taken[0].bool("taken") else {
            throw DaybookError(
                .tryAgain, "A purge or another restore is running; nothing was put back. Wait for its end.")
        }
    }

    /// Who holds the lock, in words; nil if nobody does.
    static func holder(_ session: Session) throws -> String? {
        let rows = try session.query(
            """
            SELECT a.pid, coalesce(a.usename::text, '?') AS role, a.backend_start, a.client_addr::text AS place
            FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
            WHERE \(isHeld)
            """)
        guard let row = rows.first else { return nil }
        let process = "process \(try row.int("pid")) of role \(try row.text("role"))"
        // The server shows when and from where only to the same role, or to one that may see all.
        guard let since = try row.optionalInstant("backend_start") else { return process }
        return process + " from \(try row.optionalText("place") ?? "this machine"), since \(since)"
    }
}

/// What became of transactions whose program does not know.
enum Aftermath {
    /// Asks the database, by another connection where this one is lost. Throws where nobody answers.
    static func ask<Result: Sendable>(
        _ connection: DirectConnection, _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        try await connection.afterwards(
            withinSeconds: Limits.aftermathSeconds, unreachableSeconds: Limits.aftermathUnreachableSeconds, body)
    }

    /// True where the connection was lost in the middle of a COMMIT.
    static func isInDoubt(_ error: any Error) -> Bool { (error as? PostgresError)?.code == .commitUnknown }

    /// The error in words that leave nothing in doubt, for one that the database has answered.
    static func settled(_ error: any Error) -> any Error {
        guard isInDoubt(error) else { return error }
        return DaybookError(
            .databaseUnavailable,
            "The connection was lost while a transaction was being committed, and the database was asked about it.",
            debugText: String(reflecting: error))
    }
}
