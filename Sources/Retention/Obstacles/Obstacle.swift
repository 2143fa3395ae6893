public import Domain
public import Postgres
internal import Schema

/// Something in a database that would refuse a purge half way, by its name, with the statement that mends it.
public struct Obstacle: Sendable, Hashable {
    /// The class whose rows it is about.
    let dataClass: DataClass
    /// The partition that could not be dropped whole; nil where it is about rows.
    let month: String?
    /// What is in the way, as a sentence.
    let what: String
    /// The statements that mend it.
    let mend: String

    init(_ dataClass: DataClass, month: String? = nil, _ what: String, mend: String) {
        self.dataClass = dataClass
        self.month = month
        self.what = what
        self.mend = mend
    }

    /// What is in the way, and what mends it.
    public var sentence: String { "\(what) Mend it with: \(mend);" }
}

/// Everything that the catalogue says of what would refuse a purge half way.
///
/// What only an attempt can tell (triggers, constraints, references, event triggers) is found by ``Trial``.
public enum Obstacles {
    /// Those of every table that a purge works on, and of the months that are named.
    static func find(_ shape: DeploymentShape, months: [String], _ session: Session) throws -> [Obstacle] {
        var found: [Obstacle] = []
        for dataClass in shape.classes { found += try ofRows(dataClass, session) }
        if shape.isOwn, shape.catalog.has(.accessLog) {
            found += try MonthObstacles.find(months, session)
            found += try MonthObstacles.halfDetached(session)
        }
        return found
    }

    /// Those that keep rows of a class from being deleted or redacted, each by itself.
    static func ofRows(_ dataClass: DataClass, _ session: Session) throws -> [Obstacle] {
        try PublicationObstacles.find(dataClass, session) + rules(dataClass, session)
    }

    /// What `database check` says: the same for every month that there is, and months that are in no report.
    ///
    /// Nothing where the database has no tables of the retention yet.
    public static func findings(_ session: Session) throws -> [Remark] {
        let known = try session.query("SELECT to_regclass('daybook.purge_run') IS NOT NULL AS exists")
        guard try known[0].bool("exists") else { return [] }
        let shape = try DeploymentShape(session)
        let months = try WholePartitions.all(session, shape).map(\.name)
        let sentences =
            try find(shape, months: months, session).map(\.sentence)
            + MonthObstacles.notes(months, session)
        return try DetachedMonth.findings(session) + sentences.map { Remark($0) }
    }

    /// Throws `configuration` naming every obstacle to a purge of what is due.
    static func refuse(_ found: [Obstacle], due: Set<DataClass>, months: [String]) throws {
        let inTheWay = found.filter { $0.month.map(months.contains) ?? due.contains($0.dataClass) }
        guard !inTheWay.isEmpty else { return }
        throw DaybookError.configuration(
            "The database would refuse this purge half way, so it takes nothing until that is mended. "
                + inTheWay.map(\.sentence).joined(separator: " "))
    }

    /// Rules that would turn the purge's statement into another one: PostgreSQL does not allow any in it (0A000).
    private static func rules(_ dataClass: DataClass, _ session: Session) throws -> [Obstacle] {
        let redacts = dataClass.keepsRows
        return try session.query(
            """
            WITH RECURSIVE \(TableName.tree)
            SELECT quote_ident(r.rulename) AS rule, c.oid::regclass::text AS name
            FROM tree JOIN pg_class AS c ON c.oid = tree.relation JOIN pg_rewrite AS r ON r.ev_class = c.oid
            WHERE c.relkind = 'r' AND \(fires("r.ev_enabled")) AND r.ev_type = $2::text::"char"
            ORDER BY c.oid, r.rulename COLLATE "C"
            """, [.text(DeploymentShape.table(dataClass).fullName), .text(redacts ? "2" : "4")]
        ).map { row in
            let (rule, name) = (try row.text("rule"), try row.text("name"))
            let event = redacts ? "UPDATE" : "DELETE"
            return Obstacle(
                dataClass, "The rule \(rule) on \(event) of \(name) would do something else than the purge says.",
                mend: "ALTER TABLE \(name) DISABLE RULE \(rule)")
        }
    }

    /// True for a rule or an event trigger that does something in this session.
    static func fires(_ enabled: String) -> String {
        """
        \(enabled) IN (
            'A', CASE current_setting('session_replication_role') WHEN 'replica' THEN 'R' ELSE 'O' END::"char")
        """
    }
}

/// What would keep a whole month from being dropped.
enum MonthObstacles {
    /// What depends on a month, or has it: it would not let go of it (2BP01).
    static func find(_ months: [String], _ session: Session) throws -> [Obstacle] {
        try session.query(dependents, [.texts(months), quoted(months, session)]).map { row in
            let (month, what) = (try row.text("month"), try row.text("what"))
            return Obstacle(
                .accessLog, month: month, "\(what) depends on \(month), which goes as a whole once all of it is due.",
                mend: try row.text("mend"))
        }
    }

    private static func quoted(_ months: [String], _ session: Session) -> Value {
        .texts(months.map { TableName.quoted($0, session) })
    }

    /// A month whose detaching somebody began and did not end: no report sees it.
    static func halfDetached(_ session: Session) throws -> [Obstacle] {
        try session.query(
            """
            SELECT i.inhrelid::regclass::text AS name FROM pg_inherits AS i
            WHERE i.inhparent = to_regclass($1) AND i.inhdetachpending ORDER BY i.inhrelid
            """, [.text(PartitionDrop.parent)]
        ).map { row in
            let name = try row.text("name")
            return Obstacle(
                .accessLog, "The detaching of \(name) was begun and not ended; it is in no report.",
                mend: "ALTER TABLE \(PartitionDrop.parent) DETACH PARTITION \(name) FINALIZE")
        }
    }

    /// Months that this login may not drop, and what is called when one is dropped: neither stops a purge by itself.
    /// A month that may not be dropped is swept row by row, and an event trigger is tried.
    static func notes(_ months: [String], _ session: Session) throws -> [String] {
        guard !months.isEmpty else { return [] }
        let rights = try session.query(
            """
            SELECT quote_ident(session_user) AS login, quote_ident(pg_get_userbyid(p.relowner)) AS owner,
                (SELECT rolsuper FROM pg_roles WHERE oid = p.relowner) AS is_superuser,
                min(c.oid::regclass::text) FILTER (WHERE c.relowner <> p.relowner) AS other,
                min(c.oid::regclass::text) AS name
            FROM unnest($1::text[]) AS m (name) JOIN pg_class AS c ON c.oid = to_regclass(m.name)
            JOIN pg_class AS p ON p.oid = to_regclass($2)
            WHERE NOT (\(mayDrop)) AND has_table_privilege(session_user, p.oid, 'DELETE') GROUP BY p.relowner
            """, [quoted(months, session), .text(PartitionDrop.parent)])
        let missing = try rights.map { row in
            let (owner, login) = (try row.text("owner"), try row.text("login"))
            let other = try row.optionalText("other")
            let mend =
                if let other { "ALTER TABLE \(other) OWNER TO \(owner)" } else if try row.bool("is_superuser") {
                    "ALTER TABLE \(PartitionDrop.parent) OWNER TO a role that \(login) is a member of, and its months"
                } else { "GRANT \(owner) TO \(login)" }
            return "The login \(login) may not detach and drop \(try other ?? row.text("name")), so the rows of such a "
                + "month go one by one. If they shall go as a whole: \(mend)"
        }
        return try missing
            + eventTriggers(session).map {
                "The event trigger \($0) is called where a month is dropped, which a purge tries before it begins. If "
                    + "it refuses: ALTER EVENT TRIGGER \($0) DISABLE"
            }
    }

    /// True for a partition `c` of `p` that the login may detach and drop.
    static let mayDrop = """
        pg_has_role(session_user, p.relowner, 'USAGE') AND pg_has_role(session_user, c.relowner, 'USAGE')
        """

    /// The event triggers that are called while a month is counted, detached and dropped.
    static func eventTriggers(_ session: Session) throws -> [String] {
        try session.query(
            """
            SELECT quote_ident(evtname) AS name FROM pg_event_trigger
            WHERE \(Obstacles.fires("evtenabled")) AND evtevent IN ('ddl_command_start', 'ddl_command_end', 'sql_drop')
                AND (evttags IS NULL OR evttags && ARRAY['ALTER TABLE', 'DROP TABLE', 'CREATE TABLE AS'])
            ORDER BY evtname COLLATE "C"
            """
        ).map { try $0.text("name") }
    }

    /// What would have to go before a month and does not go with it by itself, and what hangs on that: the statements
    /// can be run in their order.
    ///
    /// A view stands for the rule that makes it one. Foreign keys to the whole log have a copy for each month, which
    /// goes with the detaching.
    private static let dependents = """
        WITH RECURSIVE reached AS (
            SELECT m.name AS month, 'pg_class'::regclass::oid AS class, to_regclass(m.quoted)::oid AS object, 0 AS part,
                0 AS depth, false AS clings
            FROM unnest($1::text[], $2::text[]) AS m (name, quoted)
            UNION
            SELECT g.month, CASE WHEN v.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass::oid END,
                coalesce(v.oid, d.objid), CASE WHEN v.oid IS NULL THEN d.objsubid ELSE 0 END,
                g.depth + (d.deptype = 'n')::integer, d.deptype = 'n'
            FROM reached AS g JOIN pg_depend AS d
                ON d.refclassid = g.class AND d.refobjid = g.object AND (g.part = 0 OR d.refobjsubid = g.part)
            LEFT JOIN pg_rewrite AS r
                ON d.deptype = 'n' AND d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.rulename = '_RETURN'
            LEFT JOIN pg_class AS v ON v.relkind IN ('v', 'm')
                AND v.oid = CASE WHEN d.classid = 'pg_class'::regclass AND d.deptype = 'n' THEN d.objid
                    ELSE r.ev_class END
            WHERE d.deptype IN ('n', 'a', 'i', 'P', 'S') AND v.oid IS DISTINCT FROM g.object
                AND g.depth < \(Limits.dependentDepth)
        ), clinging AS (
            SELECT g.month, g.class, g.object, g.part, max(g.depth) AS depth FROM reached AS g
            WHERE g.clings AND NOT EXISTS (
                SELECT FROM reached AS o
                WHERE o.month = g.month AND o.class = g.class AND o.object = g.object AND o.part IN (0, g.part)
                    AND NOT o.clings) AND NOT EXISTS (
                SELECT FROM pg_constraint AS k
                WHERE g.class = 'pg_constraint'::regclass AND k.oid = g.object AND k.conparentid <> 0)
            GROUP BY g.month, g.class, g.object, g.part
        ), named AS (
            SELECT c.*, i.type, i.identity
            FROM clinging AS c CROSS JOIN LATERAL pg_identify_object(c.class, c.object, c.part) AS i
        )
        SELECT n.month, n.depth, 'The ' || n.type || ' ' || n.identity AS what, CASE
                WHEN t.oid IS NOT NULL AND n.part > 0 AND t.relkind = 'c'
                    THEN format('ALTER TYPE %s DROP ATTRIBUTE %I', t.oid::regclass, a.attname)
                WHEN t.oid IS NOT NULL AND n.part > 0
                    THEN format('ALTER TABLE %s DROP COLUMN %I', t.oid::regclass, a.attname)
                WHEN k.conrelid <> 0 THEN format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname)
                WHEN k.contypid <> 0 THEN format('ALTER DOMAIN %s DROP CONSTRAINT %I', k.contypid::regtype, k.conname)
                WHEN e.oid IS NOT NULL AND d.attgenerated = ''
                    THEN format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', e.adrelid::regclass, d.attname)
                WHEN e.oid IS NOT NULL THEN format('ALTER TABLE %s DROP COLUMN %I', e.adrelid::regclass, d.attname)
                ELSE 'DROP ' || upper(n.type) || ' ' || n.identity END AS mend
        FROM named AS n
        LEFT JOIN pg_class AS t ON n.class = 'pg_class'::regclass AND t.oid = n.object
        LEFT JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = n.part
        LEFT JOIN pg_constraint AS k ON n.class = 'pg_constraint'::regclass AND k.oid = n.object
        LEFT JOIN pg_attrdef AS e ON n.class = 'pg_attrdef'::regclass AND e.oid = n.object
        LEFT JOIN pg_attribute AS d ON d.attrelid = e.adrelid AND d.attnum = e.adnum
        UNION ALL
        SELECT m.name, 0, 'The extension ' || quote_ident(x.extname),
            format('ALTER EXTENSION %I DROP TABLE %s', x.extname, to_regclass(m.quoted))
        FROM unnest($1::text[], $2::text[]) AS m (name, quoted)
        JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = to_regclass(m.quoted) AND d.deptype = 'e'
        JOIN pg_extension AS x ON x.oid = d.refobjid
        ORDER BY month, depth DESC, what, mend
        """
}
