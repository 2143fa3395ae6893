import Domain
import Postgres
import Schema
import TestSupport
import Testing

/// Databases of versions before, with the rights that those left: an upgrade closes what they left open by itself.
@Suite struct UpgradeTests {
    /// What `database roles` gave before there was a table of rights.
    private static let oldRoles = """
        CREATE ROLE daybook_report; CREATE ROLE daybook_purge;
        GRANT USAGE ON SCHEMA public, daybook TO daybook_report, daybook_purge;
        GRANT SELECT ON ALL TABLES IN SCHEMA daybook TO daybook_report, daybook_purge;
        ALTER DEFAULT PRIVILEGES IN SCHEMA daybook GRANT SELECT ON TABLES TO daybook_report, daybook_purge;
        GRANT SELECT, DELETE ON daybook.probe TO daybook_purge;
        GRANT INSERT, UPDATE, DELETE ON daybook.purge_run, daybook.purge_cutoff, daybook.purge_sweep, daybook.purge_segment,
            daybook.purge_total, daybook.access_day, daybook.probe_day, daybook.task_fact, daybook.task_redaction,
            daybook.retention_certificate TO daybook_purge
        """

    /// What the documents of version 0.1.0 and later said that an operator gives by hand.
    private static let oldGrants = """
        CREATE ROLE daybook_auditor LOGIN; CREATE ROLE daybook_prober LOGIN; CREATE ROLE daybook_importer LOGIN;
        GRANT USAGE ON SCHEMA daybook TO daybook_auditor, daybook_prober, daybook_importer;
        GRANT USAGE ON SCHEMA public TO daybook_auditor;
        GRANT SELECT ON ALL TABLES IN SCHEMA daybook TO daybook_auditor;
        GRANT INSERT ON daybook.probe TO daybook_prober;
        GRANT SELECT, INSERT, UPDATE ON daybook.account TO daybook_importer;
        GRANT SELECT, INSERT ON daybook.probe, daybook.maintenance_window, daybook.provider_outage, daybook.contract_profile
            TO daybook_importer
        """

    private static let account = """
        INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd, legal_hold,
            contract_profile)
        VALUES ('00000000-0000-0000-0000-00000000000a', 'one', 'One', 'payg', 'USD', 'UTC', 30, 0, 'matter 7', 'standard')
        """

    private func migrate(_ settings: ConnectionSettings, upTo version: Int64, engine: Bool = false) async throws {
        let connection = try await Connection.open(RoleServer.login(settings, RoleServer.owner))
        _ = try await Migrator(migrations: Migration.all.filter { $0.version <= version }, withEngine: engine).migrate(
            connection)
        await connection.close()
    }

    /// As the migrations of then left them: every function of ours could be called by everybody.
    private static let openFunctions = "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA daybook TO PUBLIC"

    private static let attempts: [(role: String, sql: String)] = [
        ("daybook_prober", "SELECT daybook.clock()"),
        ("daybook_importer", "UPDATE daybook.account SET legal_hold = NULL"),
        ("daybook_auditor", "SELECT sha256 FROM daybook.api_key"),
        ("daybook_report", "SELECT nonce FROM daybook.submission"),
        ("daybook_purge", "UPDATE daybook.task_fact SET cost_credits = 1"),
        ("daybook_purge", "DELETE FROM daybook.purge_run"),
        ("daybook_purge", "DELETE FROM daybook.retention_certificate"),
        ("daybook_purge", "UPDATE daybook.purge_total SET user_id = gen_random_uuid()"),
    ]

    @Test func `an upgrade of a database of the version before closes what it left open, by itself`() async throws {
        try await RoleServer.run(port: 5442) { server in
            let settings = try await server.database()
            try await migrate(settings, upTo: 13)
            let owner = RoleServer.login(settings, RoleServer.owner)
            for script in [Self.oldRoles, Self.oldGrants, Self.account, Self.openFunctions] {
                try await execute(script, in: owner)
            }
            // The guards are tried on rights as they were: every one of these worked then.
            for (role, sql) in Self.attempts {
                let refusal = try await RoleServer.refusal(
                    of: "BEGIN; SET ROLE \(role); \(sql)", as: "postgres", settings)
                #expect(refusal == nil, "\(role): \(sql)")
            }
            try await RoleServer.asOwner(["database", "migrate"], settings)
            try await RightsTests.expectDeclared(settings, "after the upgrade")
            for (role, sql) in Self.attempts {
                let refusal = try await RoleServer.refusal(of: "SET ROLE \(role); \(sql)", as: "postgres", settings)
                #expect(refusal?.hasPrefix("42501") == true, "\(role): \(sql): \(refusal ?? "")")
            }
            let defaults = "SELECT count(*)::text FROM pg_default_acl WHERE defaclnamespace = 'daybook'::regnamespace"
            #expect(try await RoleServer.lines(defaults, settings) == ["0"])
            #expect(try await RoleServer.lines("SELECT legal_hold FROM daybook.account", settings) == ["matter 7"])
        }
    }

    @Test func `an upgrade from 0.1.0, and the engine after it, leaves nothing open`() async throws {
        try await RoleServer.run(port: 5443) { server in
            let settings = try await server.sample()
            try await migrate(settings, upTo: 1)
            try await execute(Self.oldGrants, in: settings)
            for arguments in [["database", "migrate"], ["database", "roles"], ["database", "migrate", "--engine"]] {
                try await RoleServer.asOwner(arguments, settings)
                try await RightsTests.expectDeclared(settings, arguments.joined(separator: " "))
            }
        }
    }
}
