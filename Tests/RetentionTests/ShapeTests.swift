import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// Tables that change under a purge, or that hold something against it, and how a purge ends that cannot go on.
@Suite struct ShapeTests {
    @Test func `a purge whose key or archive is lost can be ended, and what it did is certified`() async throws {
        try await withPurging { purging in
            let key = try purging.folder.write(String(repeating: "0a", count: 32), to: "key")
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
            let run = try await purging.purge()
            #expect(run.exitCode == 65 && run.errors.contains("puts content back"), "\(run.errors)")
            // No column of a task went without its archived copy, and nothing was certified.
            #expect(try await purging.fingerprint()["public.video_tasks"] == tasks)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.task_redaction") == 0)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.retention_certificate") == 0)
            try await execute("DROP TRIGGER keep_prompt ON public.video_tasks", in: purging.settings)
            #expect(try await purging.resume().exitCode == 0)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.task_redaction") > 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }
}
