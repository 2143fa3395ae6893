import Foundation
import Postgres
import TestSupport
import Testing

/// Deployments are not all alike: what an application adds changes nothing, and what is missing is said.
@Suite struct DeploymentTests {
    @Test func `triggers, keys, policies, columns and functions of the application's own change no byte`() async throws
    {
        try await withSample { settings in
            let before = try await SLARun(settings, ["--month", "2026-10"]).comparableFiles()
            try await execute(
                """
                ALTER TABLE public.video_tasks ADD COLUMN outcome text DEFAULT 'good', ADD COLUMN account integer DEFAULT 7;
                ALTER TABLE public.batch_jobs ADD COLUMN period integer DEFAULT 1, ADD COLUMN cutoff timestamptz DEFAULT now();
                ALTER TABLE public.batch_jobs ADD CONSTRAINT own_key FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
                CREATE TABLE public.period (x int); CREATE TABLE public.owner (x int); CREATE TABLE public.task (x int);
                CREATE TABLE public.account (slug text); CREATE TABLE public.probe (ok boolean);
                CREATE VIEW public.judged_task AS SELECT 1 AS x;
                CREATE FUNCTION public.coalesce_text(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
                CREATE FUNCTION public.count(uuid) RETURNS bigint LANGUAGE sql AS 'SELECT 999::bigint';
                CREATE FUNCTION public.greatest_of(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
                CREATE FUNCTION public.loud() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE EXCEPTION 'a report writes'; END $$;
                CREATE TRIGGER loud BEFORE INSERT OR UPDATE OR DELETE ON public.video_tasks FOR EACH STATEMENT EXECUTE FUNCTION loud();
                ALTER TABLE public.credit_ledger ENABLE ROW LEVEL SECURITY;
                CREATE POLICY none ON public.credit_ledger USING (false);
                ALTER DATABASE \(settings.options["dbname"] ?? "") SET search_path = public, daybook;
                ALTER DATABASE \(settings.options["dbname"] ?? "") SET timezone = 'Asia/Kathmandu';
                ALTER DATABASE \(settings.options["dbname"] ?? "") SET datestyle = 'German';
                ALTER DATABASE \(settings.options["dbname"] ?? "") SET default_transaction_read_only = on
                """, in: settings)
            #expect(try await SLARun(settings, ["--month", "2026-10"]).comparableFiles() == before)
        }
    }

    @Test func `a database without any optional table or column gets a report that says so`() async throws {
        try await withSample { settings in
            try await execute(
                """
                DROP SCHEMA daybook CASCADE;
                DROP TABLE enterprise_api_usage, enterprise_api_keys, video_external_access_log, credit_wallet CASCADE;
                ALTER TABLE video_tasks DROP COLUMN failure_type, DROP COLUMN failure_reason, DROP COLUMN completed_at,
                    DROP COLUMN batch_index, DROP COLUMN attempts;
                ALTER TABLE batch_jobs DROP COLUMN request_id, DROP COLUMN webhook_url, DROP COLUMN webhook_status,
                    DROP COLUMN completed_at, DROP COLUMN settlement_status
                """, in: settings)
            let report = try await SLARun(settings, ["--month", "2026-10"])
            let exceptions = try report.lines("exceptions").joined(separator: "\n")
            for missing in [
                "missing_table,,daybook.account,", "missing_table,,daybook.probe,availability is not known",
                "missing_table,,public.enterprise_api_usage,", "missing_column,,public.batch_jobs.request_id,",
                "missing_column,,public.video_tasks.failure_type,",
            ] { #expect(exceptions.contains(missing), "\(missing)") }
            #expect(try report.lines("availability").count == 1)
            #expect(try report.lines("idempotency")[1] == "0,,0,not applicable")
            #expect(try report.lines("completion").contains { $0.hasPrefix("(none),sora-2,dispatch,") })
            #expect(try report.lines("promises").contains("pay_for_success,,,100.0000,0,0,,not applicable"))
            #expect(try report.lines("credits").count == 1)
        }
    }

    @Test func `an empty month is not applicable, never a hundred percent`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2025-01"])
            let promises = try report.lines("promises").dropFirst()
            #expect(promises.count == 5)
            for promise in promises { #expect(promise.hasSuffix(",0,0,,not applicable"), "\(promise)") }
            // It is not final: there is nothing that could be.
            #expect(report.run.output.contains("Service levels of 2025-01, all customers, no data\n"))
            #expect(
                report.run.output.contains("There was nothing to judge: the month has no task, no batch and no probe."))
            let page = String(decoding: try report.folder.contents()["sla-2025-01.html"] ?? Data(), as: UTF8.self)
            #expect(page.contains("<p class=\"status\">no data</p>") && !page.contains(">final<"))
            #expect(report.run.output.contains("Open first: \(report.folder.file("sla-2025-01.html"))\n"))
        }
    }

    @Test func `the report of one account holds nobody else's rows`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--account", "customer5"])
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: report.folder.path).sorted() == [
                    "sla-customer5-2026-10", "sla-customer5-2026-10.html", "sla-customer5-2026-10.xlsx",
                ])
            for (name, data) in try report.folder.contents() where !name.hasSuffix(".xlsx") {
                let text = String(decoding: data, as: UTF8.self)
                for other in ["customer1,", "customer3,", "customer6,", "customer9,", "(none)", "Kranich"] {
                    #expect(!text.contains(other), "\(name) names \(other)")
                }
            }
            #expect(try report.lines("credits")[1].contains("2026-10-01T07:00:00.000000+00:00"))
        }
    }

    @Test func `the manifest says what it is, and preliminary is said beside the verdicts`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--cutoff", "2026-10-20T00:00:00Z"])
            let data = try #require(FileManager.default.contents(atPath: try report.csvFolder() + "/manifest.json"))
            let manifest = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            #expect(manifest["status"] as? String == "preliminary")
            #expect(manifest["cutoff"] as? String == "2026-10-20T00:00:00.000000+00:00")
            let files = try #require(manifest["files"] as? [[String: Any]])
            for file in files {
                let name = try #require(file["name"] as? String)
                let digest = try Command.run(["/usr/bin/sha256sum", report.folder.file(name)]).prefix(64)
                #expect(String(digest) == file["sha256"] as? String, "\(name)")
            }
            #expect(files.count == 15)
            let page = String(
                decoding: FileManager.default.contents(atPath: report.folder.file("sla-2026-10.html")) ?? Data(),
                as: UTF8.self)
            #expect(page.contains("<p class=\"status\">preliminary</p>"))
        }
    }
}
