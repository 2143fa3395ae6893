import Domain
import Foundation
import Postgres
import TestSupport

@testable import Retention

/// A database that Daybook made, with an access log of old months and an account whose retention is 30 days.
enum OwnMonths {
    static let log = "public.video_external_access_log"
    /// The first month: due for everybody as of the tests' date, like the second.
    static let month = log + "_2026_01"
    static let asOf = CalendarDate(year: 2026, month: 11, day: 5)

    private static let template = TemplateDatabase(copyOf: .engine) { try await execute(script, in: $0) }

    /// Runs the body with a copy of its own.
    static func with(_ body: (Purging) async throws -> Void) async throws {
        try await template.with { try await body(try Purging($0)) }
    }

    /// The rows that the log shows.
    static func rows(_ purging: Purging) async throws -> Int {
        try await purging.number("SELECT count(*)::text FROM \(log)")
    }

    /// The plan, as the tests' process makes it.
    static func plan(_ purging: Purging) async throws -> RetentionPlan {
        let connection = try await Connection.open(purging.settings)
        let plan = try await PlanReader(asOf: asOf).run(connection)
        await connection.close()
        return plan
    }

    /// What a purge says before it begins; nil where nothing is in the way.
    static func refusal(_ purging: Purging) async throws -> DaybookError? {
        let rows = try await plan(purging).dueRows
        let connection = try await Connection.open(purging.settings)
        var settings = try purging.purgeSettings(archive: nil)
        settings.asOf = asOf
        settings.expectedRows = rows
        settings.hostClock = { Instant(microseconds: Int64(Date().timeIntervalSince1970) * 1_000_000) }
        var refusal: DaybookError?
        do {
            _ = try await Purge(settings, try await connection.direct(for: "A purge")).prepare()
        } catch let error as DaybookError {
            refusal = error
        }
        await connection.close()
        return refusal
    }

    /// What an earlier version's purge left that was killed between the detaching of the first month and its drop.
    static func detach(_ purging: Purging) async throws {
        let connection = try await Connection.open(purging.settings)
        let plan = try await PlanReader(asOf: asOf).run(connection)
        let settings = try purging.purgeSettings(archive: nil)
        try await connection.transaction { session in
            let run = try PurgeRun.record(plan, settings, session)
            try session.executeScript(
                """
                INSERT INTO daybook.purge_sweep (run_id, data_class, relation, state, pages, bounds)
                SELECT \(run.id), 'access_log', '\(month)', 'detached', 1, pg_get_expr(relpartbound, oid)
                FROM pg_class WHERE oid = '\(month)'::regclass;
                ALTER TABLE \(log) DETACH PARTITION \(month)
                """)
        }
        await connection.close()
    }

    /// The months, an owner with an account, and accesses of a quarter of a year.
    static let script = """
        CREATE TABLE \(log)_2026_01 PARTITION OF \(log) FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z');
        CREATE TABLE \(log)_2026_02 PARTITION OF \(log) FOR VALUES FROM ('2026-02-01Z') TO ('2026-03-01Z');
        INSERT INTO users (id) VALUES ('00000000-0000-0000-0000-00000000000a');
        INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd,
            contract_profile)
        VALUES ('00000000-0000-0000-0000-00000000000a', 'one', 'One', 'payg', 'USD', 'UTC', 30, 0, 'standard');
        INSERT INTO video_external_access_log (video_id, owner_id, action, source, policy_snapshot, created_at)
        SELECT gen_random_uuid(), CASE n % 2 WHEN 0 THEN '00000000-0000-0000-0000-00000000000a'::uuid END, 'play',
            'embed', '{}', timestamptz '2026-01-01Z' + n * interval '1 hour'
        FROM generate_series(0, 1999) AS n
        """
}
