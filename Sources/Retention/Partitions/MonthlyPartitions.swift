internal import Domain
public import Postgres
internal import Schema

/// The monthly partitions of the access log and of the ledger, on a database that Daybook made.
public struct MonthlyPartitions: Sendable {
    public init() {}

    /// Makes what is missing, month by month, and gives the names; with it what waits in the default partition.
    ///
    /// Throws ``StoppedRun`` where it ends after it has made some.
    public func ensure(
        _ connection: Connection
    ) async throws -> (made: [String], waiting: [AccessLogPartitions.Waiting]) {
        let connection = try await connection.direct(for: "The making of partitions")
        let before = try await connection.run { try Self.names($0) }
        do {
            let (accesses, ledger) = (AccessLogPartitions(), LedgerPartitions())
            let made = try await accesses.ensure(connection.connection) + ledger.ensure(connection.connection)
            return (made, try await accesses.waiting(connection.connection))
        } catch {
            throw await Self.ending(error, before, connection)
        }
    }

    private static func ending(
        _ error: any Error, _ before: [String], _ connection: DirectConnection
    ) async -> any Error {
        let isInterruption = RunEnding.isInterruption(error)
        guard let after = try? await Aftermath.ask(connection, { try names($0) }) else {
            return StoppedRun(
                isInterruption ? .interruption : .failure(error),
                standing: "Which partitions were made could not be asked; the missing ones are made by: ",
                .take(.makePartitions))
        }
        let made = after.filter { !before.contains($0) }
        let what = made.isEmpty ? "No partition was made" : "Made before that: " + made.joined(separator: ", ")
        return StoppedRun(
            isInterruption ? .interruption : .failure(Aftermath.settled(error)),
            standing: what + ". Those that are missing are made by: ", .take(.makePartitions))
    }

    private static func names(_ session: Session) throws -> [String] {
        try session.query(
            """
            SELECT c.relname::text AS name FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
            WHERE i.inhparent IN (to_regclass('public.video_external_access_log'), to_regclass('public.credit_ledger'))
            ORDER BY c.relname COLLATE "C"
            """
        ).map { try $0.text("name") }
    }
}

/// Monthly partitions of our own access log. A deployment's table is never converted.
public struct AccessLogPartitions: Sendable {
    private static let parent = "public.video_external_access_log"

    public init() {}

    /// Rows that wait in the default partition, by month; an empty text for those without an instant.
    public struct Waiting: Sendable, Hashable {
        public let month: String
        public let rows: Int64
    }

    /// Makes the partitions of this month and of the months ahead where they are missing, and gives their names.
    /// Rows that wait in the default partition for such a month move into it.
    ///
    /// Nothing happens on a deployment. Throws `tryAgain` if the table is in use for longer than the lock timeout; an
    /// insert meanwhile goes to the default partition.
    public func ensure(_ connection: Connection) async throws -> [String] {
        let connection = try await connection.direct(for: "The making of partitions")
        let months = try await connection.run { session -> [Month] in
            guard try Self.isOurs(session) else { return [] }
            let today = try session.query("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS today")[0].date(
                "today")
            guard let month = Month(String(today.description.prefix(7))) else { return [] }
            return (0...Limits.partitionMonths).compactMap { month.adding(months: $0) }
        }
        var made: [String] = []
        for month in months {
            // One transaction each: a month that cannot be made does not undo the others.
            do {
                let isNew = try await connection.transaction(
                    TransactionOptions(lockTimeoutMilliseconds: Limits.purgeStatementMilliseconds)
                ) { try Self.make(month, $0) }
                if isNew { made.append(Self.name(month)) }
            } catch let error as PostgresError where error.code == .server {
                throw try await Self.explained(error, month, connection)
            }
        }
        return made
    }

    /// What waits in the default partition.
    public func waiting(_ connection: Connection) async throws -> [Waiting] {
        try await connection.run { session in
            guard try Self.isOurs(session) else { return [] }
            return try session.query(
                """
                SELECT coalesce(to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM'), '') AS month, count(*) AS rows
                FROM ONLY public.video_external_access_log_default GROUP BY 1 ORDER BY 1
                """
            ).map { Waiting(month: try $0.text("month"), rows: try $0.int("rows")) }
        }
    }

    /// True where Daybook made the access log.
    private static func isOurs(_ session: Session) throws -> Bool {
        guard try Migrator.madeService(session) else { return false }
        let rows = try session.query(
            "SELECT relkind = 'p' AS partitioned FROM pg_class WHERE oid = to_regclass($1)", [.text(parent)])
        return try rows.first?.bool("partitioned") ?? false
    }

    /// Rows that wait for a month move by a deletion, which a publication or a rule may not let through.
    private static func explained(
        _ error: PostgresError, _ month: Month, _ connection: DirectConnection
    ) async throws -> any Error {
        let found = try await connection.run { try Obstacles.ofRows(.accessLog, $0) }
        guard !found.isEmpty else { return error }
        return DaybookError(
            .configuration,
            "The partition \(name(month)) cannot be made, because rows wait for it in the default one. "
                + found.map(\.sentence).joined(separator: " "), debugText: String(reflecting: error))
    }

    private static func name(_ month: Month) -> String {
        "video_external_access_log_" + month.description.replacing("-", with: "_")
    }

    private static func make(_ month: Month, _ session: Session) throws -> Bool {
        try RetentionSession.prepare(session)
        let name = "public." + name(month)
        let known = try session.query("SELECT to_regclass($1) IS NOT NULL AS exists", [.text(name)])
        if try known[0].bool("exists") { return false }
        let (start, end) = ("'\(month.firstDay) 00:00:00+00'", "'\(month.endDay) 00:00:00+00'")
        let tablespace = try PartitionLikeness.tablespace(of: parent, session)
        let list = try SweepStatement.columns(of: parent, session).map { session.quoteIdentifier($0) }
            .joined(separator: ", ")
        // The default partition may hold rows of the month: they move, under the lock that attaching takes anyway.
        try session.executeScript(
            """
            CREATE TABLE \(name) (LIKE \(parent) INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED
                INCLUDING STORAGE INCLUDING COMPRESSION)\(tablespace);
            LOCK TABLE \(parent) IN ACCESS EXCLUSIVE MODE;
            WITH moved AS (
                DELETE FROM ONLY \(parent)_default WHERE created_at >= \(start) AND created_at < \(end) RETURNING *
            )
            INSERT INTO \(name) (\(list)) SELECT \(list) FROM moved;
            ALTER TABLE \(parent) ATTACH PARTITION \(name) FOR VALUES FROM (\(start)) TO (\(end))
            """)
        try PartitionLikeness.give(name, of: parent, session)
        try DatabaseRoles.grantPartition(name, of: parent, session)
        return true
    }
}

/// Monthly partitions of a ledger that Daybook made. A deployment's table is never converted.
public struct LedgerPartitions: Sendable {
    public init() {}

    /// Makes the partitions of this month, of the months ahead, and of rows that wait in the default one, where they
    /// are missing, and gives their names.
    ///
    /// Nothing happens on a deployment. Throws `tryAgain` if the table is in use for longer than the lock timeout; an
    /// insert meanwhile goes to the default partition.
    public func ensure(_ connection: Connection) async throws -> [String] {
        let connection = try await connection.direct(for: "The making of partitions")
        return try await connection.transaction(
            TransactionOptions(lockTimeoutMilliseconds: Limits.purgeStatementMilliseconds)
        ) { session -> [String] in
            try RetentionSession.prepare(session)
            guard try Migrator.madeService(session) else { return [] }
            let known = try session.query(
                "SELECT to_regprocedure('daybook.divide_ledger(integer)') IS NOT NULL AS is_known")
            guard try known[0].bool("is_known") else { return [] }
            return try Self.divide(ahead: Limits.partitionMonths, session)
        }
    }

    /// Makes them in the session's transaction; each takes after the ledger, as PostgreSQL does not let it by itself.
    static func divide(ahead: Int, _ session: Session) throws -> [String] {
        let before = try waiting(session)
        let names = try session.query(
            "SELECT name FROM daybook.divide_ledger($1::bigint::integer) AS name ORDER BY name", [.int(Int64(ahead))]
        ).map { try $0.text("name") }
        // Where rows waited in it the default partition is another one now.
        let isReplaced = try waiting(session) != before
        let new = (names + (isReplaced ? ["credit_ledger_default"] : [])).map { "public." + $0 }
        for name in new { try PartitionLikeness.give(name, of: parent, beside: new, session) }
        return names
    }

    static let parent = "public.credit_ledger"

    private static func waiting(_ session: Session) throws -> Int64 {
        try session.query("SELECT coalesce(to_regclass($1)::oid::bigint, 0) AS id", [.text(parent + "_default")])[0]
            .int("id")
    }
}
