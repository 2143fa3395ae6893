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
