import Domain
import Postgres

/// The rights on what moves credit, as the catalogue has them: one for each object, role, command and column.
struct CreditGrants: Sendable {
    /// A right that a role has, by a grant or because the object is its own.
    struct Grant: Sendable, Hashable {
        let oid: Int64
        /// As SQL writes it; `PUBLIC` for everybody.
        let grantee: String
        let privilege: String
        /// As SQL writes it; nil for the whole object.
        let column: String?
        let isGrantable: Bool
        let isOwner: Bool

        /// True for one that nobody takes away: an owner's, and the service role's, whose work it is to move credit.
        var stays: Bool { isOwner || grantee == DocumentedRole.service.rawValue }

        var command: RoutineText.Command? { RoutineText.Command(rawValue: privilege) }
    }

    /// A policy that lets rows through.
    struct Policy: Sendable, Hashable {
        let oid: Int64
        /// Nil for every command.
        let command: RoutineText.Command?
        /// As SQL writes them; `PUBLIC` for everybody.
        let roles: [String]
    }

    /// What will be given on objects that are yet to be made.
    struct Default: Sendable, Hashable {
        let owner: String
        /// As SQL writes it; nil for every schema.
        let schema: String?
        /// `TABLES` or `FUNCTIONS`.
        let objects: String
        let grantee: String
        let privilege: String
    }

    let executions: [Grant]
    let tables: [Grant]
    let policies: [Policy]
    /// The tables with row-level security.
    let secured: Set<Int64>
    let defaults: [Default]

    init(_ session: Session, _ paths: CreditPaths) throws {
        executions = try session.query(Self.executionSQL, [.ints(paths.routines.map(\.oid))]).map(Self.grant)
        let relations = paths.relations.keys.sorted()
        tables = try session.query(Self.tableSQL, [.ints(relations)]).map(Self.grant)
        policies = try session.query(
            """
            SELECT p.polrelid::bigint AS oid, p.polcmd::text AS command, array(
                SELECT CASE r.role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r.role)) END
                FROM unnest(p.polroles) AS r (role)) AS roles
            FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
            WHERE p.polrelid::bigint = ANY ($1) AND p.polpermissive AND c.relrowsecurity ORDER BY 1, p.polname
            """, [.ints(relations)]
        ).compactMap { row in
            let commands: [String: RoutineText.Command] = ["a": .insert, "w": .update, "d": .delete]
            let command = try row.text("command")
            guard command == "*" || commands[command] != nil else { return nil }
            return Policy(oid: try row.int("oid"), command: commands[command], roles: try row.texts("roles"))
        }
        secured = Set(
            try session.query(
                "SELECT oid::bigint AS oid FROM pg_class WHERE oid::bigint = ANY ($1) AND relrowsecurity",
                [.ints(relations)]
            ).map { try $0.int("oid") })
        defaults = try session.query(Self.defaultSQL).map {
            Default(
                owner: try $0.text("owner"), schema: try $0.optionalText("schema"), objects: try $0.text("objects"),
                grantee: try $0.text("grantee"), privilege: try $0.text("privilege"))
        }
    }

    /// True where the right moves credit in a person's hands: the command does, and row-level security lets a row
    /// through. It says nothing about TRUNCATE, about triggers, and to an owner.
    func isOpen(
        _ relation: CreditPaths.Relation, _ grant: Grant, to person: Outsiders.Person, of outsiders: Outsiders
    ) -> Bool {
        guard let command = grant.command else { return relation.reasons.count == RoutineText.Command.allCases.count }
        guard relation.reasons[command] != nil else { return false }
        guard secured.contains(relation.oid), command != .truncate, !grant.isOwner, !person.bypassesRowSecurity else {
            return true
        }
        let roles = outsiders.roles(of: person)
        return policies.contains { policy in
            guard policy.oid == relation.oid, policy.command == nil || policy.command == command else { return false }
            // What everybody has, anybody with a policy can use; the service role's is its own.
            return person.name == Outsiders.everybody
                ? policy.roles != [DocumentedRole.service.rawValue] : !roles.isDisjoint(with: policy.roles)
        }
    }

    private static func grant(_ row: Row) throws -> Grant {
        Grant(
            oid: try row.int("oid"), grantee: try row.text("grantee"), privilege: try row.text("privilege"),
            column: try row.optionalText("column_name"), isGrantable: try row.bool("is_grantable"),
            isOwner: try row.bool("is_owner"))
    }

    private static let named = """
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
        a.privilege_type AS privilege, a.is_grantable AND a.grantee <> o.owner AS is_grantable,
        a.grantee = o.owner AS is_owner
        """

    /// A superuser needs no right; who works as one is told by ``CreditRights``.
    private static let ordinary = "NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = a.grantee AND r.rolsuper)"

    /// Without rights of its own a function can be called by everybody.
    private static let executionSQL = """
        SELECT DISTINCT o.oid, NULL AS column_name, \(named)
        FROM (
            SELECT p.oid::bigint AS oid, p.proowner AS owner, coalesce(p.proacl, acldefault('f', p.proowner)) AS acl
            FROM pg_proc AS p WHERE p.oid::bigint = ANY ($1)
        ) AS o CROSS JOIN LATERAL aclexplode(o.acl) AS a
        WHERE a.privilege_type = 'EXECUTE' AND \(ordinary) ORDER BY 1, 3
        """

    /// Columns of a wallet that say nothing about credit are left out. Who may make a trigger writes what he likes.
    private static let tableSQL = """
        SELECT DISTINCT o.oid, o.column_name, \(named)
        FROM (
            SELECT c.oid::bigint AS oid, NULL AS column_name, c.relowner AS owner,
                coalesce(c.relacl, acldefault('r', c.relowner)) AS acl
            FROM pg_class AS c WHERE c.oid::bigint = ANY ($1)
            UNION ALL
            SELECT c.oid::bigint, quote_ident(t.attname), c.relowner, t.attacl
            FROM pg_class AS c JOIN pg_attribute AS t ON t.attrelid = c.oid
            WHERE c.oid::bigint = ANY ($1) AND t.attnum > 0 AND NOT t.attisdropped AND t.attacl IS NOT NULL
                AND t.attname NOT IN ('created_at', 'updated_at', 'starter_purchased_at')
        ) AS o CROSS JOIN LATERAL aclexplode(o.acl) AS a
        WHERE a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER') AND \(ordinary)
        ORDER BY 1, 3, 4, 2
        """

    private static let defaultSQL = """
        SELECT quote_ident(pg_get_userbyid(d.defaclrole)) AS owner,
            (SELECT quote_ident(n.nspname) FROM pg_namespace AS n WHERE n.oid = d.defaclnamespace) AS schema,
            CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' ELSE 'FUNCTIONS' END AS objects,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
            a.privilege_type AS privilege
        FROM pg_default_acl AS d CROSS JOIN LATERAL aclexplode(d.defaclacl) AS a
        WHERE d.defaclobjtype IN ('r', 'f') AND a.grantee <> d.defaclrole
            AND (d.defaclnamespace = 0 OR d.defaclnamespace = to_regnamespace('public'))
            AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'EXECUTE')
        ORDER BY 1, 2, 3, 4, 5
        """
}

/// Everybody whom a database serves without knowing them: PUBLIC, and the roles of the application's visitors.
struct Outsiders: Sendable {
    /// One of them.
    struct Person: Sendable, Hashable {
        /// As SQL writes it.
        let name: String
        let isSuperuser: Bool
        let bypassesRowSecurity: Bool
    }

    /// A membership by which somebody works as another role.
    struct Membership: Sendable, Hashable {
        let person: String
        let role: String
        /// Who of the person's roles is the direct member.
        let member: String
        /// True where the role needs no right.
        let isAllPowerful: Bool
    }

    static let everybody = "PUBLIC"
    /// Who signed in or did not, on Supabase and its like.
    private static let visitors = ["anon", "authenticated"]

    let people: [Person]
    let memberships: [Membership]
    /// The schemas that each of them may use.
    private let schemas: Set<[String]>

    init(_ session: Session) throws {
        people =
            [Person(name: Self.everybody, isSuperuser: false, bypassesRowSecurity: false)]
            + (try session.query(
                """
                SELECT quote_ident(rolname) AS name, rolsuper AS is_super, rolbypassrls AS bypasses
                FROM pg_roles WHERE rolname = ANY ($1) ORDER BY rolname
                """, [.texts(Self.visitors)]
            ).map {
                Person(
                    name: try $0.text("name"), isSuperuser: try $0.bool("is_super"),
                    bypassesRowSecurity: try $0.bool("bypasses"))
            })
        memberships = try session.query(
            """
            WITH RECURSIVE mine AS (
                SELECT p.oid AS person, p.oid AS role, NULL::oid AS member FROM pg_roles AS p WHERE p.rolname = ANY ($1)
                UNION
                SELECT mine.person, m.roleid, m.member FROM pg_auth_members AS m JOIN mine ON m.member = mine.role
            )
            SELECT DISTINCT ON (1, 2) quote_ident(pg_get_userbyid(person)) AS person,
                quote_ident(pg_get_userbyid(role)) AS role, quote_ident(pg_get_userbyid(member)) AS member,
                (SELECT r.rolsuper OR r.rolname = 'pg_write_all_data' FROM pg_roles AS r WHERE r.oid = role) AS is_all
            FROM mine WHERE member IS NOT NULL ORDER BY 1, 2, 3
            """, [.texts(Self.visitors)]
        ).map {
            Membership(
                person: try $0.text("person"), role: try $0.text("role"), member: try $0.text("member"),
                isAllPowerful: try $0.bool("is_all"))
        }
        schemas = Set(
            try session.query(
                """
                SELECT CASE r.name WHEN 'public' THEN $2 ELSE quote_ident(r.name) END AS person,
                    n.nspname::text AS schema
                FROM pg_namespace AS n CROSS JOIN (
                    SELECT 'public' AS name UNION ALL SELECT rolname FROM pg_roles WHERE rolname = ANY ($1)
                ) AS r
                WHERE has_schema_privilege(r.name, n.oid, 'USAGE')
                """, [.texts(Self.visitors), .text(Self.everybody)]
            ).map { [try $0.text("person"), try $0.text("schema")] })
    }

    /// Those who have what a role is given, and may use its schema: everybody has what PUBLIC has.
    func reached(by grantee: String, in schema: String) -> [Person] {
        people.filter { person in
            let isOne =
                grantee == Self.everybody || person.name == grantee
                || memberships.contains { $0.person == person.name && $0.role == grantee }
            return isOne && schemas.contains([person.name, schema])
        }
    }

    /// The membership by which a person works as a role; nil where it is the person's own name, or PUBLIC.
    func membership(of person: Person, in role: String) -> Membership? {
        memberships.first { $0.person == person.name && $0.role == role }
    }

    /// All that somebody works as.
    func roles(of person: Person) -> Set<String> {
        Set(memberships.filter { $0.person == person.name }.map(\.role)).union([person.name, Self.everybody])
    }
}
