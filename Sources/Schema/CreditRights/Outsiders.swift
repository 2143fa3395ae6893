import Domain
import Postgres

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
