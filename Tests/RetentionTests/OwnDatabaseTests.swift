import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// Databases that Daybook made: partitions, roles.
@Suite struct OwnDatabaseTests {
    private func withOwn(_ body: (Purging) async throws -> Void) async throws {
        try await withDatabase { settings in
            let purging = try Purging(settings)
            try await ProgramRun.expectingSuccess(["database", "migrate"] + purging.database)
            try await body(purging)
        }
    }

    /// An owner with an account, a video, and accesses of many months.
    private static let rows = """
        INSERT INTO users (id) VALUES ('00000000-0000-0000-0000-00000000000a');
        INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd,
            contract_profile)
        VALUES ('00000000-0000-0000-0000-00000000000a', 'one', 'One', 'payg', 'USD', 'UTC', 30, 0, 'standard');
        INSERT INTO video_external_access_log (video_id, owner_id, action, source, policy_snapshot, created_at)
        SELECT gen_random_uuid(), CASE n % 3 WHEN 0 THEN '00000000-0000-0000-0000-00000000000a'::uuid
            WHEN 1 THEN gen_random_uuid() END, 'play', 'embed', '{}',
            timestamptz '2026-01-01Z' + n * interval '1 hour'
        FROM generate_series(0, 8000) AS n;
        INSERT INTO video_external_access_log (video_id, action, source, policy_snapshot, created_at)
        VALUES (gen_random_uuid(), 'play', 'embed', '{}', NULL)
        """

    @Test func `migrating makes this month's partition and four more, and doing it again makes none`() async throws {
        try await withOwn { purging in
            let names = """
                SELECT count(*)::text FROM pg_inherits WHERE inhparent = 'video_external_access_log'::regclass
                """
            #expect(try await purging.number(names) == 6)
            let again = try await ProgramRun(["database", "partitions"] + purging.database)
            #expect(again.output.contains("nothing to make"), "\(again.output)\(again.errors)")
        }
    }

    @Test func `what waits in the default partition is reported, and moves into its month's`() async throws {
        try await withOwn { purging in
            let next = try await purging.lines(
                "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY_MM')")[0]
            try await execute(
                """
                DROP TABLE public.video_external_access_log_\(next);
                INSERT INTO video_external_access_log (video_id, action, source, policy_snapshot, created_at)
                VALUES (gen_random_uuid(), 'play', 'embed', '{}', to_timestamp('\(next)_05', 'YYYY_MM_DD')),
                    (gen_random_uuid(), 'play', 'embed', '{}', NULL)
                """, in: purging.settings)
            let run = try await ProgramRun(["database", "partitions"] + purging.database)
            #expect(run.output.contains("made video_external_access_log_\(next)"), "\(run.output)\(run.errors)")
            #expect(run.output.contains("1 rows wait in the default partition, without an instant"), "\(run.output)")
            #expect(try await purging.number("SELECT count(*)::text FROM video_external_access_log_\(next)") == 1)
        }
    }

    @Test func `months that are due for everybody are dropped whole, archived and counted; a hold keeps its month`()
        async throws
    {
        try await withOwn { purging in
            for month in 1...5 {
                try await execute(
                    """
                    CREATE TABLE public.video_external_access_log_2026_0\(month) PARTITION OF public.video_external_access_log
                    FOR VALUES FROM ('2026-0\(month)-01Z') TO ('2026-0\(month + 1)-01Z')
                    """, in: purging.settings)
            }
            try await execute(Self.rows, in: purging.settings)
            let video = try await purging.lines(
                "SELECT video_id::text FROM video_external_access_log_2026_02 ORDER BY created_at LIMIT 1")[0]
            let held = try await purging.retention(
                ["hold", "add", "--video", video, "--matter", "m", "--requested-by", "r"])
            #expect(held.exitCode == 0, "\(held.errors)")
            let plan = try await purging.retention(["plan"] + Purging.date)
            #expect(plan.output.contains("Dropped whole: public.video_external_access_log_2026_01"), "\(plan.output)")
            #expect(!plan.output.contains("Dropped whole: public.video_external_access_log_2026_02"))
            #expect(!plan.output.contains("Dropped whole: public.video_external_access_log_2026_05"))
            let due = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
            let before = try await purging.number("SELECT count(*)::text FROM video_external_access_log")
            let run = try await purging.purge()
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await purging.number("SELECT count(*)::text FROM video_external_access_log") == before - due)
            #expect(try await purging.number("SELECT sum(accesses)::text FROM daybook.access_total") == due)
            #expect(try purging.archivedRows() == due)
            #expect(try await purging.number("SELECT count(*)::text FROM video_external_access_log_2026_02") == 1)
            let left = try await purging.lines(
                "SELECT to_regclass('public.video_external_access_log_2026_01') IS NULL, to_regclass('public.video_external_access_log_2026_03') IS NULL"
            )
            #expect(left == ["true|true"] || left == ["t|t"], "\(left)")
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0, "\(verified.output)")
            let manifest = purging.archive + "/run-000001/manifest.json"
            let restored = try await purging.retention(["restore", manifest, "--certificates", purging.certificates])
            #expect(restored.exitCode == 0, "\(restored.errors)")
            #expect(try await purging.number("SELECT count(*)::text FROM video_external_access_log") == before)
        }
    }

    @Test func `a month that was detached is given back where the policies change before its drop`() async throws {
        try await withOwn { purging in
            try await execute(
                """
                CREATE TABLE public.video_external_access_log_2026_01 PARTITION OF public.video_external_access_log
                    FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z');
                \(Self.rows)
                """, in: purging.settings)
            let rows = "SELECT count(*)::text FROM video_external_access_log"
            let before = try await purging.number(rows)
            // As an earlier version left it that was killed between the two.
            try await OwnMonths.detach(purging)
            #expect(try await purging.number(rows) < before)
            // A row of that month that comes meanwhile waits in the default partition.
            try await execute(
                """
                INSERT INTO video_external_access_log (video_id, action, source, policy_snapshot, created_at)
                VALUES (gen_random_uuid(), 'play', 'embed', '{}', '2026-01-15Z')
                """, in: purging.settings)
            let policy = try await purging.retention(
                ["policy", "set", "--account", "one", "--class", "access_log", "--days", "400", "--reason", "contract"])
            #expect(policy.exitCode == 0, "\(policy.errors)")
            let resumed = try await purging.retention(
                ["purge", "--resume", "--certificates", purging.certificates])
            #expect(resumed.exitCode == 0, "\(resumed.errors)")
            #expect(resumed.errors.contains("attaching public.video_external_access_log_2026_01 again"))
            #expect(try await purging.number(rows) == before + 1)
            let waiting = "SELECT count(*)::text FROM ONLY video_external_access_log_default"
            #expect(try await purging.number(waiting + " WHERE created_at < '2026-02-01Z'") == 0)
        }
    }

    @Test func `the purging role may purge a partition that was made after it`() async throws {
        try await withOwn { purging in
            try await ProgramRun.expectingSuccess(["database", "roles"] + purging.database)
            let next = try await purging.lines(
                "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY_MM')")[0]
            let name = "public.video_external_access_log_" + next
            try await execute("DROP TABLE \(name)", in: purging.settings)
            try await ProgramRun.expectingSuccess(["database", "partitions"] + purging.database)
            let may = try await purging.lines(
                "SELECT has_table_privilege('daybook_purge', '\(name)', 'SELECT, DELETE')::text")
            #expect(may == ["true"])
        }
    }

    @Test func `a dropped month counts each access by the quarter of an hour where a month begins, else by the day`()
        async throws
    {
        try await withOwn { purging in
            try await execute(
                """
                CREATE TABLE public.video_external_access_log_early PARTITION OF public.video_external_access_log
                    FOR VALUES FROM (MINVALUE) TO ('2026-02-01Z');
                CREATE TABLE public.video_external_access_log_2026_02 PARTITION OF public.video_external_access_log
                    FOR VALUES FROM ('2026-02-01Z') TO ('2026-03-01Z');
                CREATE TABLE public.video_external_access_log_2026_03 PARTITION OF public.video_external_access_log
                    FOR VALUES FROM ('2026-03-01Z') TO ('2026-04-01Z');
                INSERT INTO users (id) SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid FROM generate_series(1, 5) AS n;
                INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd,
                    contract_profile)
                SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'a' || n, 'A', 'payg', 'USD',
                    (ARRAY['Europe/Berlin', 'Australia/Lord_Howe', 'America/New_York', 'Asia/Kathmandu', 'UTC'])[n], 30, 0,
                    'standard'
                FROM generate_series(1, 5) AS n;
                INSERT INTO video_external_access_log (video_id, owner_id, action, source, policy_snapshot, created_at)
                SELECT gen_random_uuid(),
                    CASE n % 7 WHEN 0 THEN NULL WHEN 6 THEN gen_random_uuid()
                        ELSE ('00000000-0000-0000-0000-00000000000' || n % 7)::uuid END,
                    (ARRAY['play', 'embed'])[1 + n % 2], 'embed', '{}', timestamptz '2026-01-20Z' + n * interval '5 minutes'
                FROM generate_series(0, 19000) AS n
                """, in: purging.settings)
            let expected = try await purging.lines(
                """
                SELECT coalesce(a.user_id, '00000000-0000-0000-0000-000000000000'),
                    CASE WHEN to_char(l.created_at, 'DD') = '01'
                            OR to_char(l.created_at, 'MM') <> to_char(l.created_at + interval '1 day', 'MM')
                        THEN to_timestamp(floor(extract(epoch FROM l.created_at) / 900) * 900)
                        ELSE date_trunc('day', l.created_at) END AS begins_at, l.action, count(*)
                FROM video_external_access_log AS l LEFT JOIN daybook.account AS a ON a.user_id = l.owner_id
                GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                """)
            let run = try await purging.purge()
            #expect(run.exitCode == 0, "\(run.errors)")
            let left = "SELECT count(*)::text FROM pg_class WHERE relname ~ 'access_log_(early|2026_02|2026_03)$'"
            #expect(try await purging.number(left) == 0)
            #expect(try await purging.number("SELECT count(*)::text FROM video_external_access_log") == 0)
            let counted = try await purging.lines(
                """
                SELECT coalesce(a.user_id, '00000000-0000-0000-0000-000000000000'), d.begins_at, d.action, sum(d.accesses)
                FROM daybook.access_total AS d LEFT JOIN daybook.account AS a ON a.user_id = d.user_id
                GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                """)
            #expect(counted == expected)
        }
    }

    @Test func `the roles have their rights and no others, and a purge and a report work as them`() async throws {
        try await withPurging { purging in
            let made = try await ProgramRun(["database", "roles"] + purging.database)
            #expect(made.exitCode == 0, "\(made.errors)")
            let rights = try await purging.lines(
                """
                SELECT r.role, t.name, has_table_privilege(r.role, t.name, 'DELETE')::text,
                    has_table_privilege(r.role, t.name, 'UPDATE')::text, has_table_privilege(r.role, t.name, 'TRUNCATE')::text
                FROM (VALUES ('daybook_purge'), ('daybook_report')) AS r (role),
                    (VALUES ('public.credit_wallet'), ('public.credit_ledger'), ('public.users'), ('public.batch_jobs')) AS t (name)
                WHERE has_table_privilege(r.role, t.name, 'DELETE') OR has_table_privilege(r.role, t.name, 'UPDATE')
                    OR has_table_privilege(r.role, t.name, 'TRUNCATE') OR has_table_privilege(r.role, t.name, 'INSERT')
                """)
            #expect(rights.isEmpty, "\(rights)")
            // A trigger says who works.
            try await execute(
                """
                CREATE TABLE public.worker (name text);
                GRANT INSERT ON public.worker TO PUBLIC;
                CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN INSERT INTO public.worker VALUES (current_user); RETURN OLD; END $$;
                CREATE TRIGGER note BEFORE DELETE ON public.video_external_access_log
                    FOR EACH ROW EXECUTE FUNCTION public.note()
                """, in: purging.settings)
            let reports = try await SLAReports.all(purging.settings, months: ["2026-10"])
            let run = try await purging.purge()
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await purging.lines("SELECT DISTINCT name FROM public.worker") == ["daybook_purge"])
            #expect(try await SLAReports.all(purging.settings, months: ["2026-10"]) == reports)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }
}
