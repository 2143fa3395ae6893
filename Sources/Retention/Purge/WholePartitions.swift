internal import Domain
internal import Postgres
internal import Schema

/// Partitions of our own access log that are due whole, for everybody, with no hold.
struct WholePartitions {
    /// One partition.
    struct Partition: Sendable {
        /// `public.video_external_access_log_2026_04`.
        let name: String
        let bounds: String
        /// True if the session's login owns it and its table.
        let mayBeDropped: Bool
    }

    /// Those whose upper bound no cutoff is before. A row in them is due whoever owns it.
    ///
    /// With any hold in force that covers a row of it, a partition is swept like any other table; so is one that the
    /// login may not drop.
    static func find(_ session: Session, _ shape: DeploymentShape, _ terms: Terms) throws -> [Partition] {
        try due(session, shape, terms).filter(\.mayBeDropped)
    }

    /// The same with those that the login may not drop.
    static func due(_ session: Session, _ shape: DeploymentShape, _ terms: Terms) throws -> [Partition] {
        guard terms.isOfEverybody, let earliest = terms.of(.accessLog).map(\.cutoff).min() else { return [] }
        let query = ClassQuery(.accessLog, shape)
        return try months(session, shape, "\(Self.end) <= $1", earliest).filter {
            try !holds(any: $0.name, query, session)
        }
    }

    /// Those in which no row can be due, by a policy or because an erasure is owed it.
    static func kept(_ session: Session, _ shape: DeploymentShape, _ terms: Terms) throws -> Set<String> {
        let ends = terms.of(.accessLog).map(\.cutoff) + terms.owed.map(\.before)
        guard let latest = ends.max() else { return [] }
        return Set(try months(session, shape, "\(Self.start) >= $1", latest).map(\.name))
    }

    /// All months that there are.
    static func all(_ session: Session, _ shape: DeploymentShape) throws -> [Partition] {
        try months(session, shape, "\(Self.end) <= $1", .distantFuture)
    }

    private static let start = "substring(b.text FROM 'FROM \\(''([^'']+)''\\)')::timestamptz"
    private static let end = "substring(b.text FROM 'TO \\(''([^'']+)''\\)')::timestamptz"

    private static func months(
        _ session: Session, _ shape: DeploymentShape, _ condition: String, _ instant: Instant
    ) throws -> [Partition] {
        guard shape.isOwn, shape.catalog.has(.accessLog) else { return [] }
        return try session.query(
            """
            SELECT n.nspname || '.' || c.relname AS name, b.text AS bounds, \(MonthObstacles.mayDrop) AS may_be_dropped
            FROM pg_inherits AS i
            JOIN pg_class AS c ON c.oid = i.inhrelid
            JOIN pg_class AS p ON p.oid = i.inhparent
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            CROSS JOIN LATERAL pg_get_expr(c.relpartbound, c.oid) AS b (text)
            WHERE i.inhparent = to_regclass($2) AND c.relkind = 'r' AND NOT i.inhdetachpending AND \(condition)
            ORDER BY c.relname COLLATE "C"
            """, [.instant(instant), .text(PartitionDrop.parent)]
        ).map { row in
            Partition(
                name: try row.text("name"), bounds: try row.text("bounds"),
                mayBeDropped: try row.bool("may_be_dropped"))
        }
    }

    /// True if a hold covers a row of the partition.
    static func holds(any name: String, _ query: ClassQuery, _ session: Session) throws -> Bool {
        let active = try session.query(
            """
            SELECT EXISTS (SELECT FROM daybook.held_owner) OR EXISTS (SELECT FROM daybook.held_batch)
                OR EXISTS (SELECT FROM daybook.held_video) AS any
            """)
        guard try active[0].bool("any") else { return false }
        let held = try session.query(
            """
            SELECT EXISTS (
                SELECT FROM \(TableName.quoted(name, session)) AS r \(query.joins) WHERE \(query.isHeld)
            ) AS held
            """)
        return try held[0].bool("held")
    }
}
