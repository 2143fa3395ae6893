public import Postgres

/// Who may call the functions that move credit: nobody but their owner and the service role should.
public struct FunctionGrants: Sendable, Hashable {
    /// One function that others may call.
    public struct Finding: Sendable, Hashable {
        /// With its arguments' types, as `REVOKE` takes it.
        public let function: String
        /// Roles that may call it, `PUBLIC` for everybody, in the order of their names.
        public let grantees: [String]

        /// What is wrong, and the statement that ends it.
        public var sentence: String {
            "\(grantees.joined(separator: ", ")) may call \(function), which moves credit; unless that is meant: "
                + "REVOKE ALL ON FUNCTION \(function) FROM \(grantees.joined(separator: ", "))"
        }
    }

    private static let names = ["freeze_credits_for_batch", "finalize_batch_credits"]
    /// The role that an application's server has on Supabase and its like.
    private static let serviceRole = "service_role"

    public let findings: [Finding]

    /// Reads the rights in the session's transaction. A function without rights of its own can be called by everybody.
    public init(_ session: Session) throws {
        findings = try session.query(
            """
            SELECT format('public.%I(%s)', p.proname, oidvectortypes(p.proargtypes)) AS function,
                array_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
                    AS grantees
            FROM pg_proc AS p
            CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
            WHERE p.pronamespace = to_regnamespace('public') AND p.proname = ANY ($1) AND a.privilege_type = 'EXECUTE'
                AND a.grantee <> p.proowner AND (a.grantee = 0 OR pg_get_userbyid(a.grantee) <> $2)
            GROUP BY p.oid, p.proname, p.proargtypes ORDER BY p.proname, 1
            """, [.texts(Self.names), .text(Self.serviceRole)]
        ).map { Finding(function: try $0.text("function"), grantees: try $0.texts("grantees").sorted()) }
    }
}
