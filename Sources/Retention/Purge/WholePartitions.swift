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
    }

    /// Those whose upper bound no cutoff is before. A row in them is due whoever owns it.
    ///
    /// With any hold in force that covers a row of it, a partition is swept like any other table.
    static func find(_ session: Session, _ shape: DeploymentShape, _ terms: Terms) throws -> [Partition] {
        guard shape.isOwn, shape.catalog.has(.accessLog), terms.account == nil,
            let earliest = terms.of(.accessLog).map(\.cutoff).min()
        else { return [] }
        let rows = try session.query(
            """
            SELECT n.nspname || '.' || c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
            FROM pg_inherits AS i
            JOIN pg_class AS c ON c.oid = i.inhrelid
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE i.inhparent = 'public.video_external_access_log'::regclass AND c.relkind = 'r'
                AND substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''([^'']+)''\\)')::timestamptz <= $1
            ORDER BY c.relname COLLATE "C"
            """, [.instant(earliest)])
        let query = ClassQuery(.accessLog, shape)
        return try rows.compactMap { row in
            let partition = Partition(name: try row.text("name"), bounds: try row.text("bounds"))
            return try holds(any: partition.name, query, session) ? nil : partition
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
