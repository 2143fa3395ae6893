internal import Postgres

/// What became of a table of a look: it may have been renamed, moved to another schema, or dropped by hand.
enum LookPlace: Sendable, Hashable {
    /// It is there, under this name.
    case there(String)
    /// A table of its OID is there that has neither its name nor its mark.
    case doubtful(String)
    case gone

    /// Looks for a table by its OID, and by its mark: a dump gives every table another OID.
    static func of(_ table: Look.Table, of look: Look, _ session: Session) throws -> LookPlace {
        let rows = try session.query(
            """
            SELECT n.nspname || '.' || c.relname AS name, c.oid = $1::bigint::oid AS is_same,
                starts_with(coalesce(d.description, ''), $2) AS is_marked
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            LEFT JOIN pg_description AS d
                ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
            WHERE c.relkind IN ('r', 'p') AND (c.oid = $1::bigint::oid OR starts_with(d.description, $2))
            ORDER BY c.oid = $1::bigint::oid DESC, c.oid
            """, [.int(table.oid), .text(look.mark(table))])
        for row in rows {
            let name = try row.text("name")
            if try row.bool("is_marked") || (row.bool("is_same") && name == table.name) { return .there(name) }
        }
        return try rows.first.map { .doubtful(try $0.text("name")) } ?? .gone
    }
}
