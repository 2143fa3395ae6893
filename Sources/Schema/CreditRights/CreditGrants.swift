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
