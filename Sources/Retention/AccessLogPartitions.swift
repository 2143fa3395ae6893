internal import Domain
public import Postgres
internal import Schema

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
            let isNew = try await connection.transaction(
                TransactionOptions(lockTimeoutMilliseconds: Limits.purgeStatementMilliseconds)
            ) { try Self.make(month, $0) }
            if isNew { made.append(Self.name(month)) }
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

    private static func name(_ month: Month) -> String {
        "video_external_access_log_" + month.description.replacing("-", with: "_")
    }

    private static func make(_ month: Month, _ session: Session) throws -> Bool {
        try RetentionSession.prepare(session)
        let name = "public." + name(month)
        let known = try session.query("SELECT to_regclass($1) IS NOT NULL AS exists", [.text(name)])
        if try known[0].bool("exists") { return false }
        let (start, end) = ("'\(month.firstDay) 00:00:00+00'", "'\(month.endDay) 00:00:00+00'")
        // The default partition may hold rows of the month: they move, under the lock that attaching takes anyway.
        try session.executeScript(
            """
            CREATE TABLE \(name) (LIKE \(parent) INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
            LOCK TABLE \(parent) IN ACCESS EXCLUSIVE MODE;
            WITH moved AS (
                DELETE FROM ONLY \(parent)_default WHERE created_at >= \(start) AND created_at < \(end) RETURNING *
            )
            INSERT INTO \(name) SELECT * FROM moved;
            ALTER TABLE \(parent) ATTACH PARTITION \(name) FOR VALUES FROM (\(start)) TO (\(end))
            """)
        try DatabaseRoles.grantPartition(name, of: parent, session)
        return true
    }
}
