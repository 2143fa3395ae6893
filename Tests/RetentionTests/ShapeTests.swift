import Domain
import Formats
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// Tables that change under a purge, or that hold something against it, and how a purge ends that cannot go on.
@Suite struct ShapeTests {
    @Test func `a purge whose key or archive is lost can be ended, and what it did is certified`() async throws {
        try await withPurging { purging in
            let key = try purging.folder.write(secret: String(repeating: "0a", count: 32), to: "key")
            try await purging.begin(keyFile: key, pages: 0..<16)
            let taken = try await purging.number("SELECT sum(row_count)::text FROM daybook.purge_total")
            let segment = try #require(try await purging.lines("SELECT file_name FROM daybook.purge_segment").first)
            try FileManager.default.removeItem(atPath: purging.archive + "/run-000001/" + segment)
            let books = try await purging.fingerprint()
            let alone = try await purging.retention(["purge", "--end-now"] + purging.places)
            #expect(alone.exitCode == 64 && alone.errors.contains("--resume"), "\(alone.errors)")
            let ended = try await purging.retention(["purge", "--resume", "--end-now"] + purging.places)
            #expect(ended.exitCode == 0 && ended.output.contains("took \(taken) rows"), "\(ended.errors)")
            #expect(try await purging.fingerprint() == books)
            let text = try String(contentsOfFile: purging.certificates + "/certificate-000001.json", encoding: .utf8)
            let certificate = try CanonicalJSON.decode(Certificate.self, from: text)
            #expect(certificate.rows == Int64(taken) && !certificate.remaining.isEmpty)
            // What is missing stays missing, and is named.
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 2 && verified.output.contains(segment), "\(verified.output)")
            // The way is free for the next one.
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") == 0)
        }
    }

    @Test func `a constraint that comes while a table is swept undoes the transaction that it would carry further`()
        async throws
    {
        try await withPurging { purging in
            try await purging.begin()
            let connection = try await Connection.open(purging.settings)
            let refusal = try await connection.transaction { session -> (any Error)? in
                let run = try #require(try PurgeRun.unfinished(session))
                try RunRecord.beginSweeps(run.id, .accessLog, again: false, session)
                let statement = try SweepStatement(.accessLog, try DeploymentShape(session), run.terms, session)
                let step = SweepStep(
                    run: run, statement: statement, dataClass: .accessLog,
                    relation: "public.video_external_access_log", key: nil)
                #expect(try step.take(0..<4, .none, session) > 0)
                try session.executeScript(
                    """
                    CREATE TABLE public.notes (
                        access_id uuid REFERENCES public.video_external_access_log (id) ON DELETE CASCADE)
                    """)
                do {
                    _ = try step.take(4..<8, .none, session)
                    return nil
                } catch {
                    return error
                }
            }
            await connection.close()
            let sentence = (refusal as? DaybookError)?.sentence ?? ""
            #expect(sentence.contains("notes") && sentence.contains("does not go on"), "\(sentence)")
        }
    }

    @Test func `a column that comes while a table is swept stops the purge before a row goes without it`()
        async throws
    {
        try await withPurging { purging in
            let connection = try await Connection.open(purging.settings)
            try await connection.transaction { session in
                let shape = try DeploymentShape(session)
                let terms = try Terms(session, asOf: CalendarDate(year: 2026, month: 11, day: 5)!, account: nil)
                let statements = try [DataClass.accessLog, .taskContent].map {
                    try SweepStatement($0, shape, terms, session)
                }
                let tables = ["public.video_external_access_log", "public.video_tasks"]
                for (statement, table) in zip(statements, tables) {
                    #expect(try statement.fits(table, session))
                    try session.executeScript("ALTER TABLE \(table) ADD COLUMN country text DEFAULT 'DE'")
                    #expect(try !statement.fits(table, session))
                }
            }
            await connection.close()
        }
    }

    @Test func `content that a trigger puts back is not certified as gone`() async throws {
        try await withPurging { purging in
            try await execute(
                """
                CREATE FUNCTION public.keep_prompt() RETURNS trigger LANGUAGE plpgsql
                    AS $$ BEGIN NEW.prompt := OLD.prompt; RETURN NEW; END $$;
                CREATE TRIGGER keep_prompt BEFORE UPDATE ON public.video_tasks
                    FOR EACH ROW EXECUTE FUNCTION public.keep_prompt()
                """, in: purging.settings)
            let tasks = try await purging.fingerprint()["public.video_tasks"]
            let before = try await purging.fingerprint()
            let run = try await purging.purge()
            #expect(run.exitCode == 65 && run.errors.contains("writes into the column prompt"), "\(run.errors)")
            #expect(run.errors.contains("nothing was purged"), "\(run.errors)")
            #expect(try await purging.fingerprint() == before)
            #expect(try await purging.resume().output.contains("Nothing to resume"))

            // The same where it comes under a purge: that transaction is undone, and nothing is certified.
            try await execute("ALTER TABLE public.video_tasks DISABLE TRIGGER keep_prompt", in: purging.settings)
            try await purging.begin()
            try await execute("ALTER TABLE public.video_tasks ENABLE TRIGGER keep_prompt", in: purging.settings)
            let stopped = try await purging.resume()
            #expect(stopped.exitCode == 65 && stopped.errors.contains("--resume"), "\(stopped.errors)")
            #expect(try await purging.fingerprint()["public.video_tasks"] == tasks)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.task_redaction") == 0)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.retention_certificate") == 0)
            try await execute("DROP TRIGGER keep_prompt ON public.video_tasks", in: purging.settings)
            #expect(try await purging.resume().exitCode == 0)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.task_redaction") > 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    /// What an application may have that a purge runs against, how it is told, and what takes it away.
    static let obstacles: [(has: String, code: Int32, words: String, without: String)] = [
        (
            "ALTER TABLE public.video_tasks ADD CONSTRAINT prompt_there CHECK (prompt <> '' OR status = 'pending')", 65,
            "the constraint prompt_there forbids it", "ALTER TABLE public.video_tasks DROP CONSTRAINT prompt_there"
        ),
        (
            """
            ALTER TABLE public.enterprise_api_usage ALTER COLUMN ip TYPE inet USING NULL;
            UPDATE public.enterprise_api_usage SET ip = '10.0.0.1';
            ALTER TABLE public.enterprise_api_usage ALTER COLUMN ip SET NOT NULL
            """, 65, "enterprise_api_usage.ip has to be cleared",
            "ALTER TABLE public.enterprise_api_usage ALTER COLUMN ip DROP NOT NULL"
        ),
        (
            """
            ALTER TABLE public.video_tasks ADD COLUMN modified_at timestamptz;
            CREATE FUNCTION public.modify() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN NEW.modified_at := now(); RETURN NEW; END $$;
            CREATE TRIGGER modify BEFORE UPDATE ON public.video_tasks FOR EACH ROW EXECUTE FUNCTION public.modify()
            """, 65, "writes into the column modified_at", "DROP TRIGGER modify ON public.video_tasks"
        ),
        (
            """
            CREATE TABLE public.notes (access_id uuid REFERENCES public.video_external_access_log (id));
            INSERT INTO public.notes SELECT id FROM public.video_external_access_log ORDER BY created_at LIMIT 2000
            """, 78, "Rows of notes still refer to rows of public.video_external_access_log", "DROP TABLE public.notes"
        ),
        (
            """
            CREATE FUNCTION public.stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE TRIGGER stay BEFORE DELETE ON public.video_external_access_log
                FOR EACH ROW EXECUTE FUNCTION public.stay()
            """, 65, "keeps rows that are due from going", "DROP TRIGGER stay ON public.video_external_access_log"
        ),
    ]

    @Test(arguments: obstacles.indices)
    func `what stands against a purge in the end is found before the first row is gone`(index: Int) async throws {
        let obstacle = Self.obstacles[index]
        try await withPurging { purging in
            let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
            try await execute(obstacle.has, in: purging.settings)
            let before = try await purging.fingerprint()
            let run = try await purging.retention(
                ["purge", "--yes", "--quiet", "--expect-rows", String(rows)] + purging.places + Purging.date)
            #expect(run.exitCode == obstacle.code && run.errors.contains(obstacle.words), "\(run.errors)")
            #expect(try await purging.fingerprint() == before)
            #expect(try await purging.resume().output.contains("Nothing to resume"))
            try await execute(obstacle.without, in: purging.settings)
            let again = try await purging.purge()
            #expect(again.exitCode == 0, "\(again.errors)")
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `triggers that look things up by the login's own search path go on working`() async throws {
        try await withPurging { purging in
            try await execute(
                """
                CREATE TABLE public.audit_log (what text NOT NULL);
                CREATE FUNCTION public.describe(action text) RETURNS text LANGUAGE sql AS $$ SELECT 'row ' || action $$;
                CREATE FUNCTION public.audit() RETURNS trigger LANGUAGE plpgsql
                    AS $$ BEGIN INSERT INTO audit_log SELECT describe(TG_OP); RETURN coalesce(NEW, OLD); END $$;
                CREATE TRIGGER audit AFTER DELETE OR INSERT ON public.video_external_access_log
                    FOR EACH ROW EXECUTE FUNCTION public.audit();
                CREATE TRIGGER audit AFTER UPDATE ON public.video_tasks
                    FOR EACH ROW EXECUTE FUNCTION public.audit()
                """, in: purging.settings)
            let plan = try await PlanFile(purging.settings, Purging.date)
            let run = try await purging.purge()
            #expect(run.exitCode == 0, "\(run.errors)")
            func audited(_ what: String) async throws -> Int {
                try await purging.number("SELECT count(*)::text FROM public.audit_log WHERE what = 'row \(what)'")
            }
            let deleted = plan.rows.filter { $0["data_class"] == "access_log" }.compactMap { Int($0["due_rows"] ?? "") }
            let rows = deleted.reduce(0, +)
            #expect(try await audited("DELETE") == rows)
            let restored = try await purging.retention([
                "restore", purging.archive + "/run-000001/manifest.json", "--certificates", purging.certificates,
            ])
            #expect(restored.exitCode == 0, "\(restored.errors)")
            #expect(try await audited("INSERT") == rows)
        }
    }

    @Test func `a partition that its application drops under a purge ends nothing`() async throws {
        try await withPurging { purging in
            try await execute(
                "CREATE TABLE public.older () INHERITS (public.video_external_access_log)", in: purging.settings)
            try await purging.begin(pages: 0..<2)
            #expect(
                try await purging.number(
                    "SELECT count(*)::text FROM daybook.purge_sweep WHERE relation = 'public.older'")
                    == 1)
            try await execute("DROP TABLE public.older", in: purging.settings)
            let resumed = try await purging.retention(["purge", "--resume"] + purging.places)
            #expect(resumed.exitCode == 0 && resumed.errors.contains("is there no more"), "\(resumed.errors)")
            #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") == 0)
        }
    }

    @Test func `the purging role is told what it lacks after the application made another column or child`()
        async throws
    {
        try await withPurging { purging in
            try await ProgramRun.expectingSuccess(["database", "roles"] + purging.database)
            for change in [
                "ALTER TABLE public.video_tasks ADD COLUMN notes text",
                "CREATE TABLE public.older () INHERITS (public.video_external_access_log)",
            ] {
                try await execute(change, in: purging.settings)
                let before = try await purging.fingerprint()
                let run = try await purging.purge()
                #expect(run.exitCode == 78 && run.errors.contains("daybook database roles"), "\(run.errors)")
                #expect(try await purging.fingerprint() == before)
                try await ProgramRun.expectingSuccess(["database", "roles"] + purging.database)
            }
            #expect(try await purging.purge().exitCode == 0)
        }
    }
}
