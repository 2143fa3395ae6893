internal import Domain
internal import Postgres
internal import Schema

/// How every part of the retention works on a database: nothing looked up where an application could have put it,
/// nothing hidden, UTC; and the lock of who changes something.
enum RetentionSession {
    /// The uuid that stands for rows of owners without an account, and of nobody.
    static let nobody = "00000000-0000-0000-0000-000000000000"

    /// Where names of no schema are looked up: nowhere that an application could have put them.
    private static let searchPath = "pg_catalog, pg_temp"

    private static let settings = """
        row_security = off; search_path = \(searchPath); TimeZone = 'UTC'; DateStyle = 'ISO, YMD';
        IntervalStyle = 'postgres'; bytea_output = 'hex'; jit = off
        """

    /// Settings of one transaction.
    static func prepare(_ session: Session) throws {
        try session.executeScript(script("SET LOCAL "))
    }

    /// Settings of the whole session, which must be our own.
    static func prepareSession(_ session: Session) throws {
        try session.requireDirect(for: "A purge")
        try session.requireOneServer(for: "A purge")
        try session.executeScript(script("SET "))
    }

    private static func script(_ set: String) -> String {
        settings.split(separator: ";").map { set + $0.split(whereSeparator: \.isNewline).joined() }.joined(
            separator: "; ")
    }

    /// Lets the login's own search path hold while the deployment's tables are changed, whose triggers look things up
    /// by it; `SweepStep.prepare` does so to the end of its transaction.
    static func withLoginPath<Result>(_ session: Session, _ body: () throws -> Result) throws -> Result {
        try takeLoginPath(session)
        let result = try body()
        try restorePath(session)
        return result
    }

    /// The login's own search path from here on, but PostgreSQL's own catalogue before it and what is temporary behind
    /// it: statements of ours are looked up by it too.
    ///
    /// SHOW looks nothing up.
    static func takeLoginPath(_ session: Session) throws {
        try session.executeScript("SET LOCAL search_path TO DEFAULT")
        let path = try session.query("SHOW search_path")[0].text("search_path")
        try session.executeScript("SET LOCAL search_path = \(LoginPath(path).guarded)")
    }

    static func restorePath(_ session: Session) throws {
        try session.executeScript("SET LOCAL search_path = \(searchPath)")
    }

    /// Refuses a database without the tables of the retention; what counts purged rows names the last that it needs.
    static func requireTables(_ session: Session, upTo table: String = "daybook.purge_run") throws {
        let known = try session.query(
            "SELECT to_regclass($1) IS NOT NULL AND to_regclass('daybook.erasure') IS NOT NULL AS exists",
            [.text(table)])
        guard try known[0].bool("exists") else {
            throw DaybookError.configuration(
                "This database has no tables for the retention of this version yet", .migrate)
        }
    }

    /// Refuses a database whose chain knows no certificates with parts yet.
    static func requireFaces(_ session: Session) throws {
        let known = try session.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_attribute AS a
                WHERE a.attrelid = to_regclass('daybook.retention_certificate') AND a.attname = 'face'
            ) AS exists
            """)
        guard try known[0].bool("exists") else {
            throw DaybookError.configuration("The certificates of this database have no parts yet", .migrate)
        }
    }

    /// Refuses the same, and a role that may not add a certificate.
    static func requireCertifying(_ session: Session) throws {
        try requireFaces(session)
        let rights = try session.query(
            """
            SELECT current_user::text AS role,
                has_column_privilege('daybook.retention_certificate', 'face', 'INSERT') AS may_add
            """)
        guard try rights[0].bool("may_add") else {
            throw DaybookError.configuration(
                "The role \(try rights[0].text("role")) may not add a certificate, so nothing was done; run again: ",
                .take(.grantRoles))
        }
    }
}

/// A search path as PostgreSQL writes it: identifiers between commas, those in double quotes that need them.
struct LoginPath {
    private let schemas: [String]

    init(_ text: String) {
        var schemas: [String] = []
        var current = ""
        var isQuoted = false
        for character in text {
            if character == "\"" { isQuoted.toggle() }
            if character == "," && !isQuoted {
                schemas.append(current)
                current = ""
            } else if isQuoted || !character.isWhitespace {
                current.append(character)
            }
        }
        self.schemas = (schemas + [current]).filter { !$0.isEmpty && $0 != "\"\"" }
    }

    /// The same schemas in the same order, for `SET`: PostgreSQL's own, unnamed, is searched before them, and what is
    /// temporary, which would be searched first of all, behind them.
    var guarded: String {
        let own = schemas.filter {
            let name = $0.lowercased().filter { $0 != "\"" }
            return name != "pg_catalog" && !name.hasPrefix("pg_temp")
        }
        return (own + ["pg_temp"]).joined(separator: ", ")
    }
}

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
