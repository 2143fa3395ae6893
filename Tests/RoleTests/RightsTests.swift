import Domain
import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// Who may do what: every right of every object of ours, against the table of the documents.
@Suite struct RightsTests {
    /// Every right on our objects that somebody has who does not own them, read apart from the program's own reading.
    private static let walk = """
        WITH RECURSIVE own AS (
            SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('users', 'credit_wallet',
                'credit_ledger', 'batch_jobs', 'video_tasks', 'enterprise_api_keys', 'enterprise_api_usage', 'video_external_access_log')
                AND EXISTS (SELECT FROM daybook.migration WHERE name = 'service')
            UNION SELECT i.inhrelid FROM pg_inherits AS i JOIN own ON own.oid = i.inhparent
        ), object AS (
            SELECT 'SCHEMA' AS kind, nspname::text AS name, '' AS part, nspowner AS owner,
                coalesce(nspacl, acldefault('n', nspowner)) AS acl FROM pg_namespace WHERE nspname = 'daybook'
            UNION ALL
            SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relnamespace::regnamespace || '.' || relname, '', relowner,
                coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner))
            FROM pg_class AS c WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND (relnamespace = 'daybook'::regnamespace
                OR oid IN (SELECT oid FROM own)
                OR EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.refobjid IN (SELECT oid FROM own)
                    AND c.relkind = 'S'))
            UNION ALL
            SELECT 'TABLE', c.relnamespace::regnamespace || '.' || c.relname, a.attname, c.relowner, a.attacl
            FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
            WHERE a.attacl IS NOT NULL AND (c.relnamespace = 'daybook'::regnamespace OR c.oid IN (SELECT oid FROM own))
            UNION ALL
            SELECT 'FUNCTION', pronamespace::regnamespace || '.' || proname || '(' || oidvectortypes(proargtypes) || ')', '', proowner,
                coalesce(proacl, acldefault('f', proowner))
            FROM pg_proc WHERE pronamespace = 'daybook'::regnamespace OR (pronamespace = 'public'::regnamespace
                AND proname IN ('freeze_credits_for_batch', 'finalize_batch_credits')
                AND to_regclass('daybook.lot') IS NOT NULL)
        )
        SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, o.kind, o.name, a.privilege_type, o.part,
            CASE WHEN a.is_grantable THEN 'and may give it on' ELSE '' END
        FROM object AS o CROSS JOIN LATERAL aclexplode(o.acl) AS a WHERE a.grantee <> o.owner ORDER BY 1, 2, 3, 4, 5
        """

    /// The table of the documents in the words of the walk, with what a purge may do to tables that Daybook made.
    private static var declared: Set<String> {
        var lines: Set<String> = []
        for object in ObjectRights.all {
            for (role, list) in Array(object.given) + Array(object.allowed) {
                for right in ObjectRights.rights(role.rawValue, object.kind, object.object, list) {
                    lines.insert(
                        [right.role, right.kind.rawValue, right.object, right.privilege, right.column ?? "", ""]
                            .joined(separator: " | "))
                }
            }
        }
        return lines
    }

    /// What a purge deletes or clears in tables of the service, by their own columns.
    private static func isPurging(_ line: String) -> Bool {
        let cells = line.components(separatedBy: " | ")
        guard cells[0] == "daybook_purge", cells[1] == "TABLE", cells[5].isEmpty else { return false }
        if cells[2].hasPrefix("public.video_external_access_log") { return ["SELECT", "DELETE"].contains(cells[3]) }
        let cleared = [
            "public.enterprise_api_usage": ["ip", "user_agent"],
            "public.video_tasks": [
                "prompt", "reference_url", "video_url", "webhook_url", "error_message", "last_error", "pid",
                "item_metadata", "item_custom_id", "external_access_policy",
            ],
        ]
        return cells[3] == "UPDATE" && cleared[cells[2]]?.contains(cells[4]) == true
    }

    static func expectDeclared(_ settings: ConnectionSettings, _ what: String) async throws {
        let lines = try await RoleServer.lines(walk, settings)
        let undeclared = lines.filter { !declared.contains($0) && !isPurging($0) }
        #expect(undeclared.isEmpty, "\(what): \(undeclared.joined(separator: "\n"))")
        let check = try await RoleServer.daybook(["database", "check"], settings)
        #expect(check.exitCode == 0 && !check.output.contains("rights:"), "\(what): \(check.output) \(check.errors)")
    }

    /// The roles by the statements of the documents, and service_role as Supabase has it.
    private func makeByHand(_ settings: ConnectionSettings, isFirst: Bool) async throws {
        for role in DocumentedRole.byHand {
            var script = RightsDocument.script(role)
            if !isFirst { script = script.replacing("CREATE ROLE \(role.rawValue) LOGIN;", with: "") }
            let objects = Set(try await RoleServer.lines("SELECT to_regclass('daybook.lot')::text", settings))
            if objects == [""] { script = Self.withoutEngine(script) }
            try await execute(script, in: settings)
        }
    }

    /// Without the tables of the engine, which a deployment gets later.
    private static func withoutEngine(_ script: String) -> String {
        let tables = [
            "submission", "withdrawal", "foreign_freeze", "earlier_freeze", "lot", "batch", "draw", "entry", "worker",
            "model_gate", "task", "ready_customer", "webhook_event", "webhook_delivery", "webhook_attempt",
            "video_store", "purge_video", "key_usage", "served_minute", "work_count",
        ]
        let columns = ["submission", "provider_hint", "webhook_endpoint", "video_copy", "video_share"]
        return script.replacing("\n    ", with: " ").split(separator: "\n").compactMap { line -> String? in
            var line = String(line)
            if columns.contains(where: { line.contains("daybook.\($0) ") }) { return nil }
            for table in tables {
                for ending in [",", " TO"] {
                    line = line.replacing(", daybook.\(table)\(ending)", with: ending)
                }
            }
            return line
        }.joined(separator: "\n")
    }

    @Test
    func `every right on a new database and on a deployment, before and after the roles and the engine, is declared`()
        async throws
    {
        try await RoleServer.run(port: 5440) { server in
            try await execute("CREATE ROLE service_role", in: server.cluster.settings())
            let own = try await server.database()
            try await RoleServer.asOwner(["database", "migrate"], own)
            try await Self.expectDeclared(own, "a new database")
            try await RoleServer.asOwner(["database", "roles"], own)
            try await makeByHand(own, isFirst: true)
            try await Self.expectDeclared(own, "a new database with its roles")

            // Roles, then the engine: what comes later is open to nobody by the way it comes.
            let sample = try await server.sample()
            try await RoleServer.asOwner(["database", "migrate"], sample)
            try await Self.expectDeclared(sample, "a deployment")
            try await RoleServer.asOwner(["database", "roles"], sample)
            try await makeByHand(sample, isFirst: false)
            try await Self.expectDeclared(sample, "a deployment with its roles")
            try await RoleServer.asOwner(["database", "migrate", "--engine"], sample)
            try await Self.expectDeclared(sample, "a deployment with the engine")
            for role in ["daybook_report", "daybook_auditor", "daybook_purge"] {
                for secret in [
                    "SELECT sha256 FROM daybook.api_key", "SELECT nonce FROM daybook.submission",
                    "SELECT api_key FROM public.enterprise_api_keys",
                ] {
                    let refusal = try await RoleServer.refusal(
                        of: "SET ROLE \(role); \(secret)", as: "postgres", sample)
                    #expect(refusal?.hasPrefix("42501") == true, "\(role) may \(secret)")
                }
            }
            try await RoleServer.asOwner(["database", "roles"], sample)
            try await Self.expectDeclared(sample, "a deployment with the engine, and the roles again")
        }
    }

    @Test func `every table and view of the schema daybook stands in the table of rights`() async throws {
        try await withEngine { settings in
            let names = try await RoleServer.lines(
                """
                SELECT 'daybook.' || relname FROM pg_class
                WHERE relnamespace = 'daybook'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
                """, settings)
            let unnamed = Set(names).subtracting(ObjectRights.all.map(\.object))
            #expect(unnamed.isEmpty, "say in ObjectRights who may do what with them")
        }
    }

    @Test func `a right that has come back is named with the statement that ends it`() async throws {
        try await RoleServer.run(port: 5441) { server in
            let settings = try await server.database()
            try await RoleServer.asOwner(["database", "migrate"], settings)
            try await RoleServer.asOwner(["database", "roles"], settings)
            try await execute(
                """
                CREATE ROLE guest;
                CREATE ROLE daybook_prober;
                GRANT INSERT, UPDATE ON public.credit_wallet TO daybook_prober;
                GRANT EXECUTE ON FUNCTION daybook.mirror_wallet() TO PUBLIC;
                GRANT UPDATE ON daybook.task_fact TO daybook_purge WITH GRANT OPTION;
                GRANT SELECT (nonce) ON daybook.submission TO daybook_report;
                GRANT UPDATE ON public.credit_wallet TO PUBLIC;
                GRANT SELECT ON daybook.account TO guest;
                ALTER DEFAULT PRIVILEGES FOR ROLE \(RoleServer.owner) IN SCHEMA daybook GRANT SELECT ON TABLES TO guest;
                REVOKE SELECT ON daybook.account FROM daybook_report
                """, in: settings)
            let check = try await RoleServer.daybook(["database", "check"], settings, as: RoleServer.owner)
            #expect(check.exitCode == 0, "\(check.errors)")
            let found = check.output.split(separator: "\n").filter { $0.hasPrefix("rights: ") }.map(String.init)
            for sentence in [
                "PUBLIC has EXECUTE on daybook.mirror_wallet(), none of its rights: REVOKE EXECUTE ON FUNCTION "
                    + "daybook.mirror_wallet() FROM PUBLIC",
                "daybook_purge has UPDATE on daybook.task_fact, none of its rights: REVOKE UPDATE ON TABLE "
                    + "daybook.task_fact FROM daybook_purge CASCADE",
                "daybook_report has SELECT (nonce) on daybook.submission",
                "PUBLIC has UPDATE on public.credit_wallet",
                "daybook_prober has INSERT, UPDATE on public.credit_wallet",
                "guest has SELECT on daybook.account, as no document says; unless it is meant: REVOKE",
                "what \(RoleServer.owner) makes in the schema daybook will be open to guest: ALTER DEFAULT PRIVILEGES",
                "daybook_report lacks 1 of its rights, such as SELECT on daybook.account; run: daybook database roles",
            ] {
                #expect(found.contains { $0.contains(sentence) }, "\(sentence): \(found.joined(separator: "\n"))")
            }
            for line in found {
                for verb in ["ALTER DEFAULT", "REVOKE "] {
                    guard let statement = line.range(of: verb) else { continue }
                    try await execute(String(line[statement.lowerBound...]), in: settings)
                    break
                }
            }
            try await RoleServer.asOwner(["database", "roles"], settings)
            try await Self.expectDeclared(settings, "after the statements")
        }
    }
}
