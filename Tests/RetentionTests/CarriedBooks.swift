import Foundation
import Postgres
import TestSupport

/// Years of a ledger that the engine's own functions wrote, on a database that Daybook made.
enum CarriedBooks {
    static let one = "00000000-0000-0000-0000-00000000000a"
    static let two = "00000000-0000-0000-0000-00000000000b"
    static let three = "00000000-0000-0000-0000-00000000000c"
    /// The last has no account.
    static let users = [one, two, three, "00000000-0000-0000-0000-00000000000d"]
    /// A batch that was frozen before every cutoff of these tests and is not settled.
    static let stuck = "00000000-0000-0000-0001-000000000001"
    /// As of it, ten years before begin at 2016-11-01.
    static let date = ["--as-of", "2026-11-05"]
    static let cutoff = "2016-11-01Z"

    private static let template = TemplateDatabase(copyOf: .engine) { try await execute(script, in: $0) }

    /// A copy of the books of its own.
    static func copy() async throws -> TestDatabase { try await template.copy() }

    /// Runs the body with a copy of the books.
    static func with(_ body: (Purging) async throws -> Void) async throws {
        try await template.with { try await body(try Purging($0)) }
    }

    /// Lets the engine's clock stand at an instant.
    static let clock = """
        CREATE FUNCTION public.at(p_instant timestamptz) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO daybook.test_clock (rate, origin, anchor) VALUES (1, p_instant, clock_timestamp())
            ON CONFLICT (only_row) DO UPDATE SET origin = excluded.origin, anchor = excluded.anchor;
        END $$;
        """

    /// Settles the stuck batch at an instant: two of its four videos succeeded.
    static func settleStuck(at instant: String) -> String {
        """
        SELECT public.at('\(instant)');
        UPDATE video_tasks SET status = CASE WHEN batch_index < 2 THEN 'succeeded' ELSE 'failed' END, completed_at = daybook.clock()
        WHERE batch_job_id = '\(stuck)';
        UPDATE batch_jobs SET status = 'partial', success_count = 2, failed_count = 2 WHERE id = '\(stuck)';
        SELECT public.finalize_batch_credits('\(stuck)', '\(two)', 20);
        UPDATE batch_jobs SET completed_at = updated_at WHERE id = '\(stuck)';
        DELETE FROM daybook.test_clock
        """
    }

    private static let script =
        clock + """
            INSERT INTO users (id) SELECT u::uuid FROM unnest(ARRAY['\(users.joined(separator: "','"))']) AS u;
            INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd,
                contract_profile)
            VALUES ('\(one)', 'one', 'One', 'payg', 'USD', 'UTC', 30, 0, 'standard'),
                ('\(two)', 'two', 'Two', 'prepaid', 'USD', 'America/New_York', 30, 0, 'standard'),
                ('\(three)', 'three', 'Three', 'prepaid', 'USD', 'Asia/Kathmandu', 30, 0, 'standard');
            CREATE TEMPORARY TABLE pending (batch uuid, owner uuid, due timestamptz, good integer, items integer);
            DO $$
            DECLARE
                v_day timestamptz;
                v_user uuid;
                v_batch uuid;
                v_items integer;
                v_open record;
                v_number integer := 0;
                v_model text;
                v_price integer;
            BEGIN
                PERFORM setseed(0.42);
                FOR v_day IN SELECT generate_series(timestamptz '2015-10-01 09:00Z', '2017-03-28', interval '43 hours') LOOP
                    FOR v_open IN DELETE FROM pending WHERE due <= v_day RETURNING * LOOP
                        PERFORM public.at(v_open.due);
                        UPDATE video_tasks SET status = CASE WHEN batch_index < v_open.good THEN 'succeeded' ELSE 'failed' END,
                            failure_type = CASE WHEN batch_index >= v_open.good THEN 'model_error' END, completed_at = v_open.due
                        WHERE batch_job_id = v_open.batch;
                        UPDATE batch_jobs SET status = CASE v_open.good WHEN v_open.items THEN 'completed' WHEN 0 THEN 'failed' ELSE 'partial' END,
                            success_count = v_open.good, failed_count = v_open.items - v_open.good
                        WHERE id = v_open.batch;
                        PERFORM public.finalize_batch_credits(v_open.batch, v_open.owner, (
                            SELECT v_open.good * cost_per_video FROM batch_jobs WHERE id = v_open.batch));
                        UPDATE batch_jobs SET completed_at = updated_at WHERE id = v_open.batch;
                    END LOOP;
                    FOREACH v_user IN ARRAY ARRAY['\(users.joined(separator: "','"))']::uuid[] LOOP
                        PERFORM public.at(v_day + random() * interval '3 hours');
                        IF random() < 0.09 OR v_day < '2015-10-02Z' THEN
                            v_number := v_number + 1;
                            PERFORM daybook.open_lot(v_user, 'purchased', 300 + (random() * 600)::int, 100 + (random() * 1000)::int / 7.0,
                                NULL, 'purchase', 'stripe_payment', 'pay-' || v_number, NULL, NULL);
                        ELSIF random() < 0.05 THEN
                            PERFORM daybook.open_lot(v_user, 'bonus', 100 + (random() * 100)::int, 0, daybook.clock() + interval '40 days',
                                'grant', 'grant', 'grant-' || v_number, 'a test', NULL);
                        END IF;
                        v_number := v_number + 1;
                        SELECT 1 + (random() * 8)::int, CASE WHEN random() < 0.8 THEN 'sora-2' ELSE 'veo-flash' END INTO v_items, v_model;
                        v_price := CASE v_model WHEN 'sora-2' THEN 10 ELSE 50 END;
                        CONTINUE WHEN daybook.available(v_user, 1000000) < v_items * v_price;
                        v_batch := md5('batch' || v_number)::uuid;
                        IF v_day > '2016-02-10Z' AND v_user = '\(two)' AND NOT EXISTS (SELECT FROM batch_jobs WHERE id = '\(stuck)') THEN
                            v_batch := '\(stuck)'; v_items := 4; v_model := 'sora-2'; v_price := 10;
                        END IF;
                        INSERT INTO batch_jobs (id, user_id, status, total_count, cost_per_video, request_id, created_at, updated_at)
                        VALUES (v_batch, v_user, 'processing', v_items, v_price, 'request-' || v_number, daybook.clock(), daybook.clock());
                        INSERT INTO video_tasks (id, user_id, model, prompt, status, created_at, updated_at, batch_job_id, batch_index)
                        SELECT md5(v_batch::text || n)::uuid, v_user, v_model, 'a paper boat', 'processing', daybook.clock(),
                            daybook.clock(), v_batch, n FROM generate_series(0, v_items - 1) AS n;
                        PERFORM public.freeze_credits_for_batch(v_batch, v_user, v_items * v_price);
                        IF v_batch <> '\(stuck)' THEN
                            INSERT INTO pending VALUES (v_batch, v_user,
                                daybook.clock() + CASE WHEN random() < 0.1 THEN interval '9 days' ELSE interval '2 minutes' END,
                                (random() * v_items)::int, v_items);
                        END IF;
                    END LOOP;
                END LOOP;
                -- The application of old times booked a purchase without a price, and a wallet to it.
                INSERT INTO credit_ledger (user_id, type, credits_delta, ref_type, ref_id, created_at)
                VALUES ('\(three)', 'purchase', 950, 'stripe_payment', 'old', '2015-11-11Z');
                UPDATE credit_wallet SET permanent_credits = permanent_credits + 950 WHERE user_id = '\(three)';
            END $$;
            DELETE FROM daybook.test_clock;
            SELECT count(*) FROM daybook.divide_ledger(4)
            """
}

/// What the money of these books looks like to whoever asks for it.
struct MoneyView: Equatable {
    var statements: [String: Data] = [:]
    var verified = ""
    var balances: [String] = []

    init(_ purging: Purging, months: [String]) async throws {
        for month in months {
            let folder = try ScratchFolder()
            try await ProgramRun.expectingSuccess(
                ["report", "statement", "--quiet", "--all", "--month", month, "--output", folder.path]
                    + purging.database)
            for (name, bytes) in try folder.contents() where !name.hasSuffix("manifest.json") {
                statements[name] = bytes
            }
        }
        // What is found does not depend on the instant of the question.
        verified = try await ProgramRun(["ledger", "verify", "--format", "csv"] + purging.database).output
        balances = try await purging.lines(
            """
            SELECT l.user_id, m, sum(l.credits_delta) FILTER (WHERE l.created_at < m)
            FROM credit_ledger AS l, generate_series(timestamptz '2015-11-01Z', '2017-05-01Z', interval '1 month') AS m
            GROUP BY 1, 2 ORDER BY 1, 2
            """)
    }
}
