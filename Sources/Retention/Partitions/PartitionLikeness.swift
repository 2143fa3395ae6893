internal import Domain
internal import Postgres
internal import Schema

/// What a new partition takes after its table and the partitions beside it.
///
/// PostgreSQL gives it columns, constraints, indexes and triggers, and nothing else: without a replica identity the
/// deletion of a row that is published would be refused, months later.
enum PartitionLikeness {
    /// Gives a partition its table's owner, replica identity and grants, and the storage settings of the newest one
    /// beside it: a partitioned table has none of its own.
    ///
    /// Everybody and the roles of the documents have what the table of rights says. Where row-level security guards the
    /// table nobody gets a right on the partition by itself, which its policies would not guard.
    ///
    /// - Parameter beside: Partitions that are as new as this one, and have nothing to take after.
    static func give(_ name: String, of parent: String, beside new: [String] = [], _ session: Session) throws {
        let documented = DocumentedRole.allCases.filter { $0 != .service }.map(\.rawValue)
        let statements = try session.query(sql, [.text(name), .text(parent), .texts(documented), .texts(new)])
        guard !statements.isEmpty else { return }
        try session.executeScript(try statements.map { try $0.text("statement") }.joined(separator: ";\n"))
    }

    /// ` TABLESPACE name` where a table has one of its own, which a partition that is attached later does not inherit.
    static func tablespace(of parent: String, _ session: Session) throws -> String {
        let rows = try session.query(
            """
            SELECT ' TABLESPACE ' || quote_ident(t.spcname) AS clause FROM pg_class AS c
            JOIN pg_tablespace AS t ON t.oid = c.reltablespace WHERE c.oid = to_regclass($1)
            """, [.text(parent)])
        return try rows.first?.text("clause") ?? ""
    }

    private static let sql = """
        WITH pair AS (
            SELECT c.oid AS child, p.oid AS parent, c.oid::regclass::text AS name, p.relowner AS owner,
                c.relowner <> p.relowner AND pg_has_role(p.relowner, 'MEMBER')
                    AND has_schema_privilege(p.relowner, p.relnamespace, 'CREATE') AS changes_owner,
                p.relacl AS acl, p.relreplident AS identity, c.relreplident <> p.relreplident AS changes_identity,
                p.relrowsecurity AS is_guarded
            FROM pg_class AS c CROSS JOIN pg_class AS p WHERE c.oid = to_regclass($1) AND p.oid = to_regclass($2)
        ), sibling AS (
            SELECT c.reloptions, t.reloptions AS toast_options
            FROM pair JOIN pg_inherits AS i ON i.inhparent = pair.parent AND i.inhrelid <> pair.child
            JOIN pg_class AS c ON c.oid = i.inhrelid AND c.relkind = 'r'
            LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid
            CROSS JOIN LATERAL pg_get_expr(c.relpartbound, c.oid) AS b (text)
            WHERE c.oid <> ALL (ARRAY(SELECT to_regclass(other)::oid FROM unnest($4) AS other))
            ORDER BY b.text LIKE 'FOR VALUES FROM (''%' DESC, b.text COLLATE "C" DESC LIMIT 1
        ), acl AS (
            SELECT a.grantee, a.privilege_type, a.is_grantable, NULL::name AS column_name
            FROM pair CROSS JOIN LATERAL aclexplode(pair.acl) AS a
            UNION ALL
            SELECT a.grantee, a.privilege_type, a.is_grantable, t.attname
            FROM pair JOIN pg_attribute AS t ON t.attrelid = pair.parent AND NOT t.attisdropped
            CROSS JOIN LATERAL aclexplode(t.attacl) AS a
        )
        SELECT 1 AS place, format('ALTER TABLE %s OWNER TO %I', name, pg_get_userbyid(owner)) AS statement
        FROM pair WHERE changes_owner
        UNION ALL
        SELECT 2, format('ALTER TABLE %s REPLICA IDENTITY %s', name, CASE identity
            WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' WHEN 'd' THEN 'DEFAULT' ELSE (
                SELECT 'USING INDEX ' || quote_ident(n.relname) FROM pg_index AS x
                JOIN pg_inherits AS h ON h.inhparent = x.indexrelid
                JOIN pg_index AS y ON y.indexrelid = h.inhrelid AND y.indrelid = pair.child
                JOIN pg_class AS n ON n.oid = y.indexrelid
                WHERE x.indrelid = pair.parent AND x.indisreplident) END)
        FROM pair WHERE changes_identity
        UNION ALL
        SELECT 3, format('GRANT %s%s ON TABLE %s TO %s%s', a.privilege_type, ' (' || quote_ident(a.column_name) || ')',
            pair.name, quote_ident(r.rolname), CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
        FROM pair CROSS JOIN acl AS a JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE NOT pair.is_guarded AND a.grantee <> pair.owner AND r.rolname <> ALL ($3)
        UNION ALL
        SELECT 4, format('ALTER TABLE %s SET (%s%I = %L)', pair.name, o.prefix, o.parts[1], o.parts[2])
        FROM pair CROSS JOIN sibling AS s CROSS JOIN LATERAL (
            SELECT '' AS prefix, regexp_match(option, '^([^=]+)=(.*)$') AS parts FROM unnest(s.reloptions) AS option
            UNION ALL
            SELECT 'toast.', regexp_match(option, '^([^=]+)=(.*)$') FROM unnest(s.toast_options) AS option
        ) AS o
        ORDER BY place, statement
        """
}
