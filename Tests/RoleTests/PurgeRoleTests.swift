import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// What the purging role can do: purge, and leave everything that it wrote down as it is.
@Suite struct PurgeRoleTests {
    /// The sample after a purge by the nightly login, which is a member of both roles.
    private func withPurged(
        port: Int, _ body: (ConnectionSettings, ScratchFolder, _ places: [String]) async throws -> Void
    ) async throws {
        try await RoleServer.run(port: port) { server in
            let settings = try await server.sample()
            try await RoleServer.asOwner(["database", "migrate"], settings)
            try await RoleServer.asOwner(["accounts", "import", Deployment.root + "/sample/accounts.csv"], settings)
            try await RoleServer.asOwner(["database", "roles"], settings)
            try await execute(
                """
                CREATE ROLE nightly LOGIN IN ROLE daybook_purge, daybook_report;
                INSERT INTO daybook.probe (target, probed_at, ok)
                VALUES ('batch-api', '2025-01-01', true), ('batch-api', '2026-10-01', false)
                """, in: settings)
            let folder = try ScratchFolder()
            let places = ["--archive", folder.file("archive"), "--certificates", folder.file("certificates")]
            let refused = try await RoleServer.daybook(
                ["retention", "purge", "--yes", "--as-of", "2026-11-05"] + places, settings, as: "nightly")
            let words = refused.errors.split(whereSeparator: \.isWhitespace)
            let at = try #require(words.firstIndex(of: "--expect-rows"), "\(refused.errors)")
            let rows = words[at + 1].filter(\.isNumber)
            let run = try await RoleServer.daybook(
                ["retention", "purge", "--yes", "--quiet", "--as-of", "2026-11-05", "--expect-rows", rows] + places,
                settings, as: "nightly")
            #expect(run.exitCode == 0, "\(run.errors)")
            try await body(settings, folder, places)
        }
    }

    /// A run that is open, as a purge begins one.
    private static let begin = """
        INSERT INTO daybook.purge_run (as_of, plan, plan_sha256, policy_sha256, hold_sha256, program_version, host, archive_folder,
            archive_days, archive_state)
        VALUES ('2026-11-05', '', '', '', '', '', '', '/srv', 30, 'kept')
        """

    /// What it could do before, each with an open run.
    private static let attempts = [
        "UPDATE daybook.task_fact SET cost_credits = cost_credits + 1",
        "UPDATE daybook.task_fact SET dispatched_at = now()",
        "UPDATE daybook.task_fact SET terminal_at = terminal_at - interval '1 day' WHERE terminal_at IS NOT NULL",
        "UPDATE daybook.task_fact SET terminal_at = NULL WHERE terminal_at IS NOT NULL",
        "DELETE FROM daybook.task_fact",
        "INSERT INTO daybook.task_fact (user_id, task_id, cost_credits) VALUES (gen_random_uuid(), gen_random_uuid(), 5)",
        "DELETE FROM daybook.purge_run", "DELETE FROM daybook.purge_cutoff", "DELETE FROM daybook.purge_total",
        "DELETE FROM daybook.purge_segment", "DELETE FROM daybook.purge_sweep", "DELETE FROM daybook.access_day",
        "DELETE FROM daybook.retention_certificate", "DELETE FROM daybook.task_redaction",
        "UPDATE daybook.purge_run SET archive_folder = '/etc' WHERE run_id = 1",
        "UPDATE daybook.purge_run SET plan_sha256 = '' WHERE run_id = 1",
        "UPDATE daybook.purge_run SET state = 'running', finished_at = NULL WHERE run_id = 1",
        "UPDATE daybook.purge_run SET manifest_sha256 = repeat('0', 64) WHERE run_id = 1",
        "UPDATE daybook.purge_run SET archive_expires_at = now() WHERE run_id = 1",
        "UPDATE daybook.purge_run SET archive_state = 'expiring' WHERE run_id = 1",
        "UPDATE daybook.purge_run SET archive_state = 'destroyed' WHERE run_id = 1",
        begin
            + "; UPDATE daybook.purge_run SET state = 'finished', finished_at = now(), manifest_sha256 = '0', "
            + "archive_expires_at = now() WHERE state = 'running'",
        begin
            + "; UPDATE daybook.purge_run SET state = 'finished', finished_at = '1990-01-01', manifest_sha256 = '0', "
            + "archive_expires_at = '2000-01-01' WHERE state = 'running'",
        begin.replacing("30, 'kept'", with: "-100000, 'kept'"),
        "DELETE FROM daybook.probe", begin + "; DELETE FROM daybook.probe",
        begin + "; INSERT INTO daybook.probe_day SELECT 'batch-api', '2026-10-01', repeat('1', 1440)::bit(1440), "
            + "repeat('0', 1440)::bit(1440), now()",
        begin + "; INSERT INTO daybook.access_day VALUES (gen_random_uuid(), '2026-10-01', 'play', 1)",
        "INSERT INTO daybook.access_total VALUES (gen_random_uuid(), 1, '2026-10-01Z', 'play', 1)",
        "INSERT INTO daybook.task_fact (user_id, task_id, terminal_at) VALUES (gen_random_uuid(), gen_random_uuid(), now())",
        "UPDATE daybook.purge_cutoff SET cutoff = now()",
        "INSERT INTO daybook.purge_cutoff SELECT gen_random_uuid(), 1, data_class, slug, time_zone, 1, cutoff "
            + "FROM daybook.purge_cutoff LIMIT 1",
        "UPDATE daybook.purge_total SET row_count = row_count + 1 WHERE run_id = 1",
        "UPDATE daybook.purge_total SET row_count = 0",
        "UPDATE daybook.purge_segment SET sha256 = ''",
        "INSERT INTO daybook.purge_segment (run_id, segment, data_class, relation, file_name, column_names, row_count, size_bytes, "
            + "sha256, csv_sha256) VALUES (1, 9999, 'access_log', 'r', '009999-access_log.csv.gz', '{}', 1, 1, '', '')",
        begin
            + "; INSERT INTO daybook.purge_segment (run_id, segment, data_class, relation, file_name, column_names, row_count, "
            + "size_bytes, sha256, csv_sha256) SELECT run_id, 1, 'access_log', 'r', '../../precious', '{}', 1, 1, '', '' "
            + "FROM daybook.purge_run WHERE state = 'running'",
        begin
            + "; INSERT INTO daybook.purge_sweep (run_id, data_class, relation, state, pages) "
            + "SELECT run_id, 'access_log', 'public.users', 'detached', 0 FROM daybook.purge_run WHERE state = 'running'",
        "UPDATE daybook.purge_sweep SET state = 'detached'",
        "UPDATE daybook.access_day SET accesses = accesses + 1",
        "UPDATE daybook.access_total SET accesses = accesses - 1",
        "UPDATE daybook.access_total SET accesses = accesses + 1",
        "UPDATE daybook.access_total SET user_id = gen_random_uuid()", "DELETE FROM daybook.access_total",
        "UPDATE daybook.task_redaction SET run_id = 1",
        "UPDATE daybook.retention_certificate SET document = ''",
        "INSERT INTO daybook.retention_certificate (sequence, kind, run_id, document, sha256, previous_sha256, folder) "
            + "VALUES (9, 'purge', 1, '', '', '', '')",
        "UPDATE daybook.legal_hold SET released_at = now()", "UPDATE daybook.account SET retention_days = 30",
        "UPDATE public.credit_wallet SET permanent_credits = 1000000", "DELETE FROM public.credit_ledger",
        "UPDATE public.video_tasks SET status = 'failed'",
    ]

    @Test func `the purging role purges, and cannot change what statements are made of or what it wrote down`()
        async throws
    {
        try await withPurged(port: 5444) { settings, _, _ in
            for attempt in Self.attempts {
                let refusal = try await RoleServer.refusal(of: "BEGIN; " + attempt, as: "nightly", settings)
                #expect(refusal?.hasPrefix("42501") == true, "\(attempt): \(refusal ?? "was done")")
            }
            let verified = try await RoleServer.daybook(["retention", "verify"], settings, as: "nightly")
            #expect(verified.exitCode == 0, "\(verified.output)")
        }
    }

    @Test func `an archive's end is its own files' end: a folder that never was an archive stays as it is`()
        async throws
    {
        try await withPurged(port: 5445) { settings, folder, places in
            // Records by which an older program removed folders: of a run without a manifest, and of one whose manifest
            // is another run's.
            for (run, name) in [(90, "precious.txt"), (91, "manifest.json")] {
                let place = folder.file("other/run-0000\(run)")
                try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
                try FileManager.default.copyItem(
                    atPath: folder.file("archive/run-000001/manifest.json"), toPath: place + "/" + name)
            }
            try await execute(
                """
                INSERT INTO daybook.purge_run (run_id, state, as_of, plan, plan_sha256, policy_sha256, hold_sha256, program_version,
                    host, finished_at, archive_folder, archive_days, archive_state, archive_expires_at, manifest_sha256)
                OVERRIDING SYSTEM VALUE
                SELECT n, 'finished', as_of, plan, plan_sha256, policy_sha256, hold_sha256, program_version, host, now(),
                    '\(folder.file("other"))', 1, 'expiring', now() - interval '1 day', CASE n WHEN 91 THEN manifest_sha256 END
                FROM daybook.purge_run, unnest(ARRAY[90, 91]) AS n WHERE run_id = 1;
                UPDATE daybook.purge_run SET archive_expires_at = now() - interval '1 day' WHERE run_id = 1
                """, in: settings)
            // A file of somebody else's in the archive's own folder stays too, and is told of.
            _ = try "mine".write(
                toFile: folder.file("archive/run-000001/notes.txt"), atomically: false, encoding: .utf8)
            let run = try await RoleServer.daybook(
                ["retention", "expire-archives"] + places.suffix(2), settings, as: "nightly")
            #expect(run.output.contains("The archive of purge 1 was destroyed."), "\(run.output) \(run.errors)")
            #expect(run.errors.contains("holds other files than the archive's"), "\(run.errors)")
            #expect(run.exitCode == 73 && run.errors.contains("--lost 91"), "\(run.errors)")
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder.file("archive/run-000001")) == ["notes.txt"])
            #expect(FileManager.default.fileExists(atPath: folder.file("other/run-000090/precious.txt")))
            // Without a manifest and without one piece on record nothing is certified about it either.
            let certified = try await RoleServer.lines(
                "SELECT run_id::text FROM daybook.retention_certificate WHERE kind = 'archive_expiry'", settings)
            #expect(certified == ["1"])
            #expect(FileManager.default.fileExists(atPath: folder.file("other/run-000091/manifest.json")))
        }
    }
}
