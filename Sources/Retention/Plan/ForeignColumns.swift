internal import Domain
internal import Postgres
internal import Schema

/// Children of a table with columns of their own, as PostgreSQL's inheritance allows them: a deletion would archive
/// less of a row than it takes, and a redaction would clear less than there is.
enum ForeignColumns {
    /// Throws `configuration` naming the first such table and its columns.
    static func refuse(_ shape: DeploymentShape, _ session: Session) throws {
        // The request log is redacted in two columns that every child has.
        for dataClass in shape.classes where dataClass != .apiUsage {
            let parent = DeploymentShape.table(dataClass).fullName
            let rows = try session.query(own, [.text(parent)])
            guard let row = rows.first else { continue }
            throw DaybookError.configuration(
                "The table \(try row.text("child")) belongs to \(parent) and has columns of its own: "
                    + "\(try row.text("columns")). Rows of it could neither be archived nor cleared whole, so nothing "
                    + "was purged. Give \(parent) the same columns, or take the table out: ALTER TABLE … NO INHERIT.")
        }
    }

    private static let own = """
        WITH RECURSIVE tree AS (
            SELECT to_regclass($1)::oid AS relation
            UNION
            SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.relation
        )
        SELECT c.oid::regclass::text AS child, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
        FROM tree JOIN pg_class AS c ON c.oid = tree.relation
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND c.oid <> to_regclass($1) AND NOT EXISTS (
            SELECT FROM pg_attribute AS p
            WHERE p.attrelid = to_regclass($1) AND p.attname = a.attname AND NOT p.attisdropped)
        GROUP BY c.oid ORDER BY c.oid LIMIT 1
        """
}
