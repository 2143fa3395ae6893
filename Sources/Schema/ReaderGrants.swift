public import Postgres

/// What the private server's login for reports may read of a database: of the schema `daybook` what ``ObjectRights``
/// lets every reader read, and of the rest everything but the keys.
public enum ReaderGrants {
    private static let role = DocumentedRole.reader.rawValue
    /// Columns that hold keys, by table.
    private static let secrets: [String: Set<String>] = ["public.enterprise_api_keys": ["api_key"]]

    /// Gives the login what it lacks, and takes nothing. Where nothing is missing nothing is written.
    ///
    /// Tables that are made later are given by the next call.
    public static func give(_ connection: Connection) async throws {
        try await connection.transaction { session in
            guard try !missing(session).isEmpty else { return }
            // Two that grant at once would stumble over each other; the second finds nothing left to do.
            _ = try session.query("SELECT pg_advisory_xact_lock(hashtextextended('daybook reader grants', 0))")
            for grant in try missing(session) { try session.executeScript(grant) }
        }
    }

    private static func missing(_ session: Session) throws -> [String] {
        let reading = try RightsReading(session)
        let held = Set(reading.found.map(\.right))
        let own = ObjectRights.all.flatMap(\.ofReader).filter { right in
            guard right.isInDaybook, let columns = reading.objects[right.object] else { return false }
            return !held.contains(right) && right.column.map(columns.contains) ?? true
        }
        return try Rights.grants(own) + others(session).map { "GRANT \($0) TO \(role)" }
    }

    /// What stands between GRANT and TO, for the schemas of others.
    private static func others(_ session: Session) throws -> [String] {
        let schemas = try session.query(
            """
            SELECT n.nspname FROM pg_namespace AS n
            WHERE n.nspname NOT IN ('information_schema', 'daybook') AND n.nspname !~ '^pg_'
                AND NOT has_schema_privilege($1, n.oid, 'USAGE')
            ORDER BY n.nspname
            """, [.text(role)])
        let tables = try session.query(
            """
            SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname NOT IN ('information_schema', 'daybook') AND n.nspname !~ '^pg_' AND NOT c.relispartition
                AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT has_table_privilege($1, c.oid, 'SELECT')
                AND n.nspname || '.' || c.relname <> ALL ($2)
            ORDER BY n.nspname, c.relname
            """, [.text(role), .texts(secrets.keys.sorted())])
        let columns = try session.query(
            """
            SELECT n.nspname, c.relname, a.attname
            FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE n.nspname || '.' || c.relname = ANY ($2) AND NOT has_column_privilege($1, c.oid, a.attnum, 'SELECT')
            ORDER BY n.nspname, c.relname, a.attnum
            """, [.text(role), .texts(secrets.keys.sorted())])
        func name(_ row: Row) throws -> String {
            try session.quoteIdentifier(row.text("nspname")) + "." + session.quoteIdentifier(row.text("relname"))
        }
        let open = try columns.filter { row in
            let table = try "\(row.text("nspname")).\(row.text("relname"))"
            return try secrets[table]?.contains(row.text("attname")) == false
        }
        return try schemas.map { "USAGE ON SCHEMA \(session.quoteIdentifier(try $0.text("nspname")))" }
            + tables.map { "SELECT ON \(try name($0))" }
            + open.map { "SELECT (\(session.quoteIdentifier(try $0.text("attname")))) ON \(try name($0))" }
    }
}
