import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// What an application is told of the engine before it comes and when it came, and that it is true.
@Suite(.timeLimit(.minutes(5))) struct EngineChangesTests {
    private static let (one, two) = ("11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555")

    /// The service's own way to give a user another id, and to delete one.
    private static let functions = """
        CREATE FUNCTION public.fix_user_id_sync(p_old_id uuid, p_new_id uuid) RETURNS void LANGUAGE plpgsql
        SECURITY DEFINER SET search_path = public AS $$
        BEGIN
            UPDATE credit_wallet SET user_id = p_new_id WHERE user_id = p_old_id;
            UPDATE credit_ledger SET user_id = p_new_id WHERE user_id = p_old_id;
            UPDATE users SET id = p_new_id WHERE id = p_old_id;
        END $$;
        CREATE FUNCTION public.delete_user(p_id uuid) RETURNS void LANGUAGE sql
        AS 'DELETE FROM public.users WHERE id = $1';
        CREATE FUNCTION public.greet(p_id uuid) RETURNS text LANGUAGE sql
        AS 'SELECT name FROM public.users WHERE id = $1';
        CREATE FUNCTION public.freeze_credits_for_batch(p_batch_id uuid, p_amount bigint) RETURNS jsonb
        LANGUAGE sql AS 'SELECT NULL::jsonb';
        INSERT INTO public.users (id, google_id, email) VALUES ('\(one)', 'g', 'a@b.example');
        SELECT public.admin_adjust_user_credits('\(one)', 'an admin', 50, 'a test', 'manual', NULL, NULL);
        -- Its own record of it would keep the user, engine or not.
        DELETE FROM public.credit_adjustments
        """

    private func withDeployment(_ body: (ConnectionSettings) async throws -> Void) async throws {
        try await withDatabase { settings in
            try await Deployment.load(
                file: Deployment.root + "/Tests/Oracle/deployed/deployment.sql", into: settings)
            try await execute(Self.functions, in: settings)
            try await body(settings)
        }
    }

    private func database(_ command: [String], _ settings: ConnectionSettings) async throws -> [String] {
        try await ProgramRun.expectingSuccess(["database"] + command + ["--database", Deployment.conninfo(settings)])
            .split(separator: "\n").map(String.init)
    }

    /// The lines about the engine, each of which has all the words of one expectation.
    private func expect(_ lines: [String], _ start: String) {
        let engine = lines.filter { $0.hasPrefix("engine: ") }
        #expect(engine.allSatisfy { $0.hasPrefix("engine: \(start), ") }, "\(engine)")
        for words in [
            ["freeze_credits_for_batch", "veo-pro", "DB402", "DB404", "DB409", "service role"],
            ["public.credit_ledger is only added to", "UPDATE, DELETE and TRUNCATE", "daybook credits adjust"],
            ["public.users", "cannot be deleted", "credit_ledger_user_id_fkey"],
            ["public.batch_jobs or public.video_tasks", "changes nothing, without an error", "takes no row"],
            ["public.fix_user_id_sync(uuid, uuid)", "public.delete_user(uuid)", "fails"],
            [
                "public.admin_adjust_user_credits(", "public.add_credits_to_wallet(", "mirrored into lots",
                "ledger verify",
            ],
            ["public.freeze_credits_for_batch(uuid, bigint)", "must not be called"],
        ] {
            #expect(engine.contains { line in words.allSatisfy(line.contains) }, "\(words): \(engine)")
        }
        #expect(!engine.contains { $0.contains("greet") })
        #expect(lines.contains { $0.hasPrefix("rights: PUBLIC may call public.fix_user_id_sync(uuid, uuid)") })
    }

    @Test func `the check says before, and the migration afterwards, what becomes of the application's ways`()
        async throws
    {
        try await withDeployment { settings in
            expect(try await database(["check"], settings), "once it is here")
            let migration = try await database(["migrate"], settings)
            #expect(!migration.contains { $0.hasPrefix("engine: ") }, "\(migration)")
            expect(try await database(["check"], settings), "once it is here")
            expect(try await database(["migrate", "--engine"], settings), "since it is here")
            expect(try await database(["check"], settings), "since it is here")
        }
    }

    @Test(arguments: [
        "SELECT public.fix_user_id_sync('\(one)', '\(two)')", "SELECT public.delete_user('\(one)')",
        "DELETE FROM public.users WHERE id = '\(one)'", "UPDATE public.credit_ledger SET meta = NULL",
        "TRUNCATE public.credit_ledger",
    ]) func `what is said to fail works before the engine comes, and fails afterwards`(sql: String) async throws {
        try await withDeployment { settings in
            struct Undo: Error {}
            let connection = try await Connection.open(settings)
            await #expect(throws: Undo.self) {
                try await connection.transaction { session in
                    try session.executeScript(sql)
                    throw Undo()
                }
            }
            _ = try await database(["migrate", "--engine"], settings)
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction { try $0.executeScript(sql) }
            }
            #expect(error?.sqlState?.rawValue == "DB001", "\(String(describing: error))")
            await connection.close()
        }
    }

    @Test func `a database that Daybook made has no application to tell`() async throws {
        try await withEngine { settings in
            let lines = try await database(["check"], settings)
            #expect(!lines.contains { $0.hasPrefix("engine: ") || $0.hasPrefix("rights: ") }, "\(lines)")
        }
    }
}
