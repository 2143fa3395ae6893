internal import Postgres

/// Names of tables as `schema.name`, and as SQL writes them.
enum TableName {
    /// `"public"."video_tasks"`. The schema ends at the first dot.
    static func quoted(_ name: String, _ session: Session) -> String {
        name.split(separator: ".", maxSplits: 1).map { session.quoteIdentifier(String($0)) }.joined(separator: ".")
    }

    /// A common table expression `tree` of a table, `$1`, and everything that takes after it, as `relation`.
    static let tree = """
        tree AS (
            SELECT to_regclass($1)::oid AS relation
            UNION
            SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.relation
        )
        """

    /// The tables that hold a table's rows: itself, or its partitions and children, by their names.
    ///
    /// Foreign tables among them are not ours to walk and are left out.
    static func leaves(of table: String, _ session: Session) throws -> [String] {
        let rows = try session.query(
            """
            WITH RECURSIVE \(tree)
            SELECT n.nspname || '.' || c.relname AS name
            FROM tree JOIN pg_class AS c ON c.oid = tree.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' ORDER BY c.oid
            """, [.text(table)])
        return try rows.map { try $0.text("name") }
    }

    /// The pages of a table's heap now.
    static func pages(of table: String, _ session: Session) throws -> Int64 {
        let rows = try session.query(
            "SELECT pg_relation_size(to_regclass($1)) / current_setting('block_size')::bigint AS pages",
            [.text(quoted(table, session))])
        return try rows[0].optionalInt("pages") ?? 0
    }
}
