import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// PostgreSQL lets everybody call a new function: every migration takes that back, by name.
@Suite struct ClosedTests {
    /// The functions of ours that everybody may call.
    private static let open = """
        SELECT p.oid::regprocedure::text AS function FROM pg_proc AS p
        WHERE (p.pronamespace = to_regnamespace('daybook') OR p.oid IN (
                to_regprocedure('public.freeze_credits_for_batch(uuid,uuid,integer)'),
                to_regprocedure('public.finalize_batch_credits(uuid,uuid,integer)')))
            AND EXISTS (
                SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE a.grantee = 0)
        ORDER BY 1
        """

    private func open(_ connection: Connection) async throws -> [String] {
        try await connection.run { session in try session.query(Self.open).map { try $0.text("function") } }
    }

    private func deployment(_ connection: Connection) async throws {
        let schema = try Deployment.sampleScript().components(separatedBy: "\nCOPY ")[0] + "COMMIT;"
        try await connection.run { try $0.executeScript(schema) }
    }

    @Test func `everybody can call nothing on an empty database, whichever migration was the last`() async throws {
        try await withConnection { connection in
            try await connection.run { try $0.executeScript("CREATE SCHEMA daybook") }
            // Each by itself, without what the migrator does for the roles afterwards.
            for migration in Migration.all {
                try await connection.transaction { session in
                    try session.executeScript("SET LOCAL search_path = pg_catalog, pg_temp;\n" + migration.sql)
                }
                let open = try await open(connection)
                // Since the one that closed them, each leaves nothing open behind it.
                #expect(migration.version < 15 || open.isEmpty, "after migration \(migration.version): \(open)")
            }
        }
    }

    @Test func `everybody can call nothing on a deployment, with the books and then with the engine`() async throws {
        try await withConnection { connection in
            try await deployment(connection)
            _ = try await Migrator().migrate(connection)
            #expect(try await open(connection).isEmpty)
            _ = try await Migrator(withEngine: true).migrate(connection)
            #expect(try await open(connection).isEmpty)
        }
    }

    @Test func `a database that the version before made is closed by the upgrade`() async throws {
        for isDeployment in [false, true] {
            try await withConnection { connection in
                if isDeployment { try await deployment(connection) }
                let before = Array(Migration.all.prefix(13))
                _ = try await Migrator(migrations: before, withEngine: true).migrate(connection)
                // The program of that version left to everybody what PostgreSQL gives.
                try await connection.run {
                    try $0.executeScript("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA daybook TO PUBLIC")
                }
                #expect(try await open(connection).contains("daybook.mirror_wallet()"))
                _ = try await Migrator().migrate(connection)
                #expect(try await open(connection).isEmpty)
            }
        }
    }

    @Test func `what the application's own functions may do is left alone`() async throws {
        try await withConnection { connection in
            try await connection.run {
                try $0.executeScript("CREATE FUNCTION public.theirs() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
            }
            _ = try await Migrator().migrate(connection)
            try await connection.run { session in
                try session.executeScript(
                    "CREATE FUNCTION public.theirs_too() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
                let row = try session.query(
                    "SELECT has_function_privilege('public', 'public.theirs()', 'EXECUTE') "
                        + "AND has_function_privilege('public', 'public.theirs_too()', 'EXECUTE') AS may")[0]
                #expect(try row.bool("may"))
            }
        }
    }
}
