import Domain
import Foundation
import Postgres
import TestSupport
import Testing

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

/// A database that Daybook made, with an access log of months: as of the tests' date four of them are due whole, of a
/// fifth and of the default partition some rows.
enum MonthlyLog {
    static let months = (1...4).map { "public.video_external_access_log_2026_0\($0)" }

    private static let script = """
        DO $$ BEGIN
            FOR month IN 1..5 LOOP
                EXECUTE format('CREATE TABLE public.video_external_access_log_2026_0%s
                    PARTITION OF public.video_external_access_log
                    FOR VALUES FROM (''2026-0%s-01Z'') TO (''2026-0%s-01Z'')',
                    month, month, month + 1);
            END LOOP;
        END $$;
        INSERT INTO users (id) VALUES ('00000000-0000-0000-0000-00000000000a');
        INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd,
            contract_profile)
        VALUES ('00000000-0000-0000-0000-00000000000a', 'one', 'One', 'payg', 'USD', 'UTC', 30, 0, 'standard');
        INSERT INTO video_external_access_log (video_id, owner_id, action, source, policy_snapshot, created_at)
        SELECT gen_random_uuid(), CASE n % 3 WHEN 0 THEN '00000000-0000-0000-0000-00000000000a'::uuid
            WHEN 1 THEN gen_random_uuid() END, 'play', 'embed', '{}',
            timestamptz '2026-01-01Z' + n * interval '20 minutes'
        FROM generate_series(0, 20000) AS n
        """

    private static let template = Task {
        let database = try await TestDatabase.create()
        try await ProgramRun.expectingSuccess(
            ["database", "migrate", "--database", Deployment.conninfo(database.settings)])
        try await execute(script, in: database.settings)
        return database
    }

    /// A copy of the database of its own.
    static func copy() async throws -> TestDatabase { try await TestDatabase.create(copyOf: try await template.value) }

    /// Runs the body with a copy.
    static func with(_ body: (Purging) async throws -> Void) async throws {
        let database = try await copy()
        do {
            try await body(try Purging(database.settings))
        } catch {
            try? await database.drop()
            throw error
        }
        try await database.drop()
    }
}

/// What a purge has done, by the tables themselves, to be compared with what it said.
struct EndingTruth {
    let rows: [String: Int]
    let dropped: [String]
    let isBegun: Bool
    let certificate: Int?

    /// - Parameter before: The rows of the access log before the purge.
    init(_ purging: Purging, accesses before: Int) async throws {
        // What is detached and not dropped is not gone.
        let detached = try await purging.lines("SELECT relation FROM daybook.purge_sweep WHERE state = 'detached'")
        let waiting = detached.map { " + (SELECT count(*) FROM \($0))" }.joined()
        let accesses = try await purging.number(
            "SELECT ((SELECT count(*) FROM public.video_external_access_log)\(waiting))::text")
        let tasks = try await purging.number("SELECT count(*)::text FROM daybook.task_redaction")
        let calls = try await purging.number(
            "SELECT count(*)::text FROM public.enterprise_api_usage WHERE ip IS NULL AND user_agent IS NULL")
        rows = ["access_log": before - accesses, "task_content": tasks, "api_usage": calls].filter { $0.value > 0 }
        dropped = try await purging.lines(
            "SELECT relation FROM daybook.purge_sweep WHERE state = 'dropped' ORDER BY relation COLLATE \"C\"")
        isBegun = try await purging.number("SELECT count(*)::text FROM daybook.purge_run") > 0
        let sequences = try await purging.lines(
            "SELECT sequence::text FROM daybook.retention_certificate WHERE kind = 'purge'")
        certificate = sequences.first.flatMap { Int($0) }
        let there = try await purging.lines(
            """
            SELECT name FROM unnest('{\(dropped.joined(separator: ","))}'::text[]) AS name
            WHERE to_regclass(name) IS NOT NULL
            """
        )
        #expect(there.isEmpty)
    }

    static func accesses(_ purging: Purging) async throws -> Int {
        try await purging.number("SELECT count(*)::text FROM public.video_external_access_log")
    }

    var taken: Int { rows.values.reduce(0, +) }

    /// Compares what was said with what is.
    func expect(_ run: ProgramRun, _ what: String) throws {
        let said = run.errors
        guard run.exitCode != 0 else {
            #expect(run.output.contains("took \(taken) rows.") && certificate != nil, "\(what): \(run.output)")
            return
        }
        let sentence =
            /Purge (\d+) has taken (\d+) rows?(?: \(([^)]*)\))?(?: and dropped (\d+) months? whole \(([^)]*)\))?/
        if let match = try sentence.firstMatch(in: said) {
            #expect(Int(match.2) == taken, "\(what): \(said), \(rows)")
            var classes: [String: Int] = [:]
            for part in (match.3 ?? "").split(separator: ", ") {
                let words = part.split(separator: " ")
                classes[String(words[0])] = Int(words[1])
            }
            #expect(classes == rows, "\(what): \(said)")
            #expect((match.5.map(String.init) ?? "") == dropped.joined(separator: ", "), "\(what): \(said)")
            #expect(match.4.flatMap { Int($0) } ?? 0 == dropped.count, "\(what): \(said)")
            #expect(said.contains("nothing certifies that yet") == (certificate == nil), "\(what): \(said)")
            if let certificate { #expect(said.contains("certificate \(certificate) certifies it"), "\(what): \(said)") }
            #expect(said.contains("daybook retention purge --resume"), "\(what): \(said)")
        } else if said.contains("was begun and has taken no row yet") {
            #expect(taken == 0 && dropped.isEmpty && isBegun && certificate == nil, "\(what): \(said), \(rows)")
            #expect(said.contains("daybook retention purge --resume"), "\(what): \(said)")
        } else {
            // Killed before it could take care of signals, or interrupted before its run was on record.
            let nothing = ["Nothing was purged", "nothing was purged", "nothing was published"]
            let isNothing = nothing.contains { said.contains($0) }
            #expect(isNothing || run.exitCode == 143, "\(what): \(run.exitCode) \(said)")
            #expect(taken == 0 && dropped.isEmpty && !isBegun, "\(what): \(said), \(rows)")
        }
    }
}
