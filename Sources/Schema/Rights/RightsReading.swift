import Postgres

/// The rights that a database has on the objects of the schemas `daybook` and `public`, as its catalogue says them.
public struct RightsReading: Sendable {
    /// A right that somebody has who does not own the object.
    public struct Found: Sendable, Hashable {
        public let right: Right
        /// True where the role may give it on.
        public let isGrantable: Bool
        /// True where the session's role may take it away.
        let mayChange: Bool
    }

    /// What is given on objects that are yet to be made in the schema `daybook`.
    public struct Default: Sendable, Hashable {
        /// Whose tables they will be, as SQL writes it.
        public let owner: String
        /// To whom, as SQL writes it.
        public let role: String
        /// Of what: `TABLES`, `SEQUENCES`, `FUNCTIONS` or `TYPES`.
        let objects: String
        let mayChange: Bool

        /// The statement that ends it.
        public var statement: String {
            "ALTER DEFAULT PRIVILEGES FOR ROLE \(owner) IN SCHEMA daybook REVOKE ALL ON \(objects) FROM \(role)"
        }
    }

    public let found: [Found]
    public let defaults: [Default]
    /// Every object, with its columns where it has any.
    public let objects: [String: Set<String>]
    /// The objects on which the session's role may give rights.
    let changeable: Set<String>

    /// - Parameter further: Relations of other schemas that are read too, as SQL writes them.
    init(_ session: Session, further: [String] = []) throws {
        found = try session.query(Self.rights, [.texts(further)]).map { row in
            Found(
                right: Right(
                    try row.text("role"), Right.Kind(rawValue: try row.text("kind")) ?? .table, try row.text("object"),
                    try row.text("privilege"), column: try row.optionalText("column_name")),
                isGrantable: try row.bool("is_grantable"), mayChange: try row.bool("may_change"))
        }
        var objects: [String: Set<String>] = [:]
        var changeable: Set<String> = []
        for row in try session.query(Self.names, [.texts(further)]) {
            try objects[row.text("object"), default: []].formUnion(row.texts("columns"))
            if try row.bool("may_change") { changeable.insert(try row.text("object")) }
        }
        self.objects = objects
        self.changeable = changeable
        defaults = try session.query(
            """
            SELECT DISTINCT quote_ident(pg_get_userbyid(d.defaclrole)) AS owner,
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS role,
                CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                    ELSE 'TYPES' END AS objects,
                pg_has_role(d.defaclrole, 'USAGE') AS may_change
            FROM pg_default_acl AS d CROSS JOIN LATERAL aclexplode(d.defaclacl) AS a
            WHERE d.defaclnamespace = to_regnamespace('daybook') AND a.grantee <> d.defaclrole
            ORDER BY 1, 2, 3
            """
        ).map {
            Default(
                owner: try $0.text("owner"), role: try $0.text("role"), objects: try $0.text("objects"),
                mayChange: try $0.bool("may_change"))
        }
    }

    /// Without rights of its own an object has those that PostgreSQL gives by default: a function everybody's EXECUTE.
    private static let rights = """
        SELECT o.kind, o.object, o.column_name, a.privilege_type AS privilege, bool_or(a.is_grantable) AS is_grantable,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS role,
            bool_and(pg_has_role(o.owner, 'USAGE')) AS may_change
        FROM (
            SELECT 'SCHEMA' AS kind, quote_ident(nspname) AS object, NULL AS column_name, nspowner AS owner,
                coalesce(nspacl, acldefault('n', nspowner)) AS acl
            FROM pg_namespace WHERE nspname IN ('daybook', 'public')
            UNION ALL
            SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                format('%I.%I', n.nspname, c.relname), NULL,
                c.relowner,
                coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE \(ours) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            UNION ALL
            SELECT 'TABLE', format('%I.%I', n.nspname, c.relname), quote_ident(t.attname), c.relowner, t.attacl
            FROM pg_attribute AS t JOIN pg_class AS c ON c.oid = t.attrelid
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE \(ours) AND t.attacl IS NOT NULL AND NOT t.attisdropped
            UNION ALL
            SELECT 'FUNCTION', format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)), NULL,
                p.proowner,
                coalesce(p.proacl, acldefault('f', p.proowner))
            FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
            WHERE n.nspname IN ('daybook', 'public')
        ) AS o
        CROSS JOIN LATERAL aclexplode(o.acl) AS a
        WHERE a.grantee <> o.owner
        GROUP BY o.kind, o.object, o.column_name, a.privilege_type, a.grantee
        """

    private static let ours =
        "(n.nspname IN ('daybook', 'public') OR c.oid IN (SELECT to_regclass(name)::oid FROM unnest($1) AS name))"

    private static let names = """
        SELECT format('%I.%I', n.nspname, c.relname) AS object, array(
            SELECT quote_ident(a.attname) FROM pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
            pg_has_role(c.relowner, 'USAGE') AS may_change
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE \(ours) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        UNION ALL
        SELECT format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)), '{}',
            pg_has_role(p.proowner, 'USAGE')
        FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname IN ('daybook', 'public')
        UNION ALL
        SELECT quote_ident(nspname), '{}', pg_has_role(nspowner, 'USAGE') FROM pg_namespace
        WHERE nspname IN ('daybook', 'public')
        """
}

/// A role that the documents name, or everybody.
public enum DocumentedRole: String, Sendable, Hashable, CaseIterable {
    /// Every role of the server.
    case everybody = "PUBLIC"
    /// The role that an application's server has on Supabase and its like.
    case service = "service_role"
    /// Reads everything that reports need.
    case report = "daybook_report"
    /// Deletes and redacts what a purge does, and nothing else.
    case purge = "daybook_purge"
    /// Reads the same as `report`, granted by hand.
    case auditor = "daybook_auditor"
    /// Reads the same as `report`, as a login of its own: the one that the private server has for reports.
    case reader = "daybook_reader"
    /// Reads what the SLA report alone needs.
    case sla = "daybook_sla"
    /// Writes probes.
    case prober = "daybook_prober"
    /// Imports accounts, probes, windows, outages and profiles.
    case importer = "daybook_importer"

    /// Those that `daybook database roles` makes.
    public static let made: [DocumentedRole] = [.report, .purge]
    /// Those that an operator makes, where they are wanted.
    public static let byHand: [DocumentedRole] = [.auditor, .sla, .prober, .importer]
}

/// One right of one role on one object.
public struct Right: Sendable, Hashable, Comparable {
    /// What the object is, as `GRANT` says it.
    public enum Kind: String, Sendable, Hashable {
        case schema = "SCHEMA"
        case table = "TABLE"
        case sequence = "SEQUENCE"
        case function = "FUNCTION"
    }

    /// As SQL writes it; `PUBLIC` for everybody.
    public let role: String
    public let kind: Kind
    /// As SQL writes it: with its schema, a function with its arguments' types.
    public let object: String
    public let privilege: String
    /// As SQL writes it; nil for the whole object.
    public let column: String?

    public init(_ role: String, _ kind: Kind, _ object: String, _ privilege: String, column: String? = nil) {
        self.role = role
        self.kind = kind
        self.object = object
        self.privilege = privilege
        self.column = column
    }

    /// True for an object of the schema `daybook`, and for the schema.
    var isInDaybook: Bool { object == "daybook" || object.hasPrefix("daybook.") }

    /// `SELECT` or `SELECT (slug)`.
    var phrase: String { privilege + (column.map { " (\($0))" } ?? "") }

    private var order: [String] { [role, kind.rawValue, object, privilege, column ?? ""] }

    public static func < (one: Right, other: Right) -> Bool {
        one.order.lexicographicallyPrecedes(other.order)
    }

    /// `SELECT, UPDATE (a, b)` for rights of one role on one object.
    static func list(_ rights: [Right]) -> String {
        var columns: [String: [String]] = [:]
        for right in rights.sorted() { columns[right.privilege, default: []] += right.column.map { [$0] } ?? [] }
        let whole = Set(rights.filter { $0.column == nil }.map(\.privilege))
        return columns.sorted { $0.key < $1.key }.map { privilege, columns in
            whole.contains(privilege) ? privilege : "\(privilege) (\(columns.joined(separator: ", ")))"
        }.joined(separator: ", ")
    }
}
