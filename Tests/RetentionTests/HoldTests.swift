import Domain
import Foundation
import Postgres
import Retention
import TestSupport
import Testing

@testable import Documents

/// Legal holds and policies, also while a purge is under way.
@Suite struct HoldTests {
    @Test func `a hold on a batch, a video or an account keeps what it covers, and its release lets go`() async throws {
        try await withPurging { purging in
            let video = try await purging.lines(
                """
                SELECT l.video_id::text, t.batch_job_id::text FROM video_external_access_log AS l
                JOIN video_tasks AS t ON t.id = l.video_id JOIN daybook.account AS a ON a.user_id = t.user_id
                WHERE a.slug = 'customer9' ORDER BY l.created_at LIMIT 1
                """)[0].components(separatedBy: "|")
            let all = try await PlanFile(purging.settings, Purging.date).sum("held_rows")
            for scope in [["--video", video[0]], ["--batch", video[1]], ["--account", "customer9"]] {
                let added = try await purging.retention(
                    ["hold", "add", "--matter", "case 7", "--requested-by", "counsel"] + scope)
                #expect(added.exitCode == 0, "\(added.errors)")
                #expect(try await PlanFile(purging.settings, Purging.date).sum("held_rows") > all)
                let number = added.output.split(separator: " ")[1]
                let released = try await purging.retention(["hold", "release", String(number), "--reason", "settled"])
                #expect(released.exitCode == 0, "\(released.errors)")
                #expect(try await PlanFile(purging.settings, Purging.date).sum("held_rows") == all)
                let again = try await purging.retention(["hold", "release", String(number), "--reason", "settled"])
                #expect(again.exitCode == 64)
                #expect(
                    again.errors == "daybook: There is no hold \(number) in force; see: daybook retention hold list\n")
            }
            let list = try await purging.retention(["hold", "list"])
            #expect(list.output.contains("matter 2026-114") && list.output.contains("settled"))
            for scope in [["--video", UUID().uuidString], ["--batch", "x"], ["--account", "nobody"], []] {
                let run = try await purging.retention(
                    ["hold", "add", "--matter", "m", "--requested-by", "r"] + scope)
                #expect(run.exitCode == 64, "\(scope): \(run.errors)")
                guard scope.first == "--account" else { continue }
                #expect(
                    run.errors == "daybook: There is no account or owner \"nobody\"; see: daybook accounts list; "
                        + "nothing was held.\n")
            }
        }
    }

    @Test func `a hold says what it is about and who asked, and its release why`() async throws {
        try await withPurging { purging in
            func add(_ matter: String, _ requester: String) async throws -> ProgramRun {
                try await purging.retention(
                    ["hold", "add", "--account", "customer9", "--matter", matter, "--requested-by", requester])
            }
            for (matter, requester) in [("", "counsel"), (" \t", "counsel"), ("case 7", ""), ("case 7", "\u{a0}\n")] {
                let run = try await add(matter, requester)
                #expect(run.exitCode == 64 && run.errors.contains("needs a text"), "\(run.errors)")
            }
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.legal_hold") == 0)
            let added = try await add("case 7", "counsel")
            #expect(added.exitCode == 0, "\(added.errors)")
            let number = String(added.output.split(separator: " ")[1])
            for reason in ["", "  ", "\t\n"] {
                let run = try await purging.retention(["hold", "release", number, "--reason", reason])
                #expect(run.exitCode == 64 && run.errors.contains("--reason needs a text"), "\(run.errors)")
            }
            let held = "SELECT count(*)::text FROM daybook.legal_hold WHERE released_at IS NULL"
            #expect(try await purging.number(held) == 1)
        }
    }

    @Test func `a policy of one class can be longer than the account's, never shorter`() async throws {
        try await withPurging { purging in
            let set = ["policy", "set", "--account", "customer9", "--class", "access_log", "--reason", "contract 4.2"]
            #expect(try await purging.retention(set + ["--days", "29"]).exitCode == 64)
            #expect(try await purging.retention(set + ["--days", "365"]).exitCode == 0)
            let plan = try await PlanFile(purging.settings, Purging.date)
            #expect(try plan.row(account: "customer9", dataClass: "access_log")["due_rows"] == "0")
            #expect(try plan.row(account: "customer9", dataClass: "task_content")["retention_days"] == "30")
            #expect(try await purging.retention(["policy", "list"]).output.contains("contract 4.2"))
        }
    }

    /// Trials of a hold that is placed while a purge is under way: `DAYBOOK_HOLD_TRIALS=1000` in the long sweeps.
    private static let trials = Int(ProcessInfo.processInfo.environment["DAYBOOK_HOLD_TRIALS"] ?? "") ?? 12

    @Test func `no row that a hold covers goes after the hold was acknowledged`() async throws {
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0 ... .max, using: &generator)
        var random = SeededRandom(seed: seed)
        let template = try await TestDatabase.create()
        try await Self.makeWideLog(template.settings)
        var inTheMiddle = 0
        for trial in 0..<Self.trials {
            let database = try await TestDatabase.create(copyOf: template)
            let delay = Int.random(in: 0...40, using: &random)
            let (atHold, afterwards, wasRunning) = try await Self.trial(database.settings, delayMilliseconds: delay)
            #expect(
                atHold == afterwards,
                "seed \(seed), trial \(trial): \(atHold) rows at the hold, \(afterwards) afterwards")
            inTheMiddle += wasRunning ? 1 : 0
            try await database.drop()
        }
        try await template.drop()
        #expect(inTheMiddle > 0, "seed \(seed): no hold met a purge that was under way")
        print("\(Self.trials) holds with seed \(seed), \(inTheMiddle) of them while the purge was under way")
    }

    /// A log of few rows a page, so that a purge takes several transactions.
    static func makeWideLog(_ settings: ConnectionSettings) async throws {
        try await execute(try Deployment.sampleScript().components(separatedBy: "\nCOPY ")[0] + "COMMIT;", in: settings)
        try await ProgramRun.expectingSuccess(["database", "migrate", "--database", Deployment.conninfo(settings)])
        try await execute(
            """
            INSERT INTO users (id, google_id, email) VALUES ('00000000-0000-0000-0000-00000000000a', 'g', 'e');
            INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd,
                contract_profile)
            VALUES ('00000000-0000-0000-0000-00000000000a', 'one', 'One', 'payg', 'USD', 'UTC', 30, 0, 'standard');
            INSERT INTO video_tasks (id, user_id, prompt, status, created_at)
            VALUES ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-00000000000a', 'p', 'pending', now());
            INSERT INTO video_external_access_log (video_id, action, source, policy_snapshot, created_at)
            SELECT '00000000-0000-0000-0000-00000000000b', 'play', repeat('x', 1900), '{}', '2026-01-01Z'
            FROM generate_series(1, 6000)
            """, in: settings)
    }

    /// Rows when the hold was acknowledged, rows when the purge was over, and whether it took both before and after.
    private static func trial(
        _ settings: ConnectionSettings, delayMilliseconds: Int
    ) async throws -> (atHold: Int, afterwards: Int, wasRunning: Bool) {
        let purging = try Purging(settings)
        let templates = try TemplateSet(folders: [Deployment.root + "/templates"])
        let purger = try await Connection.open(settings)
        let purgeSettings = PurgeSettings(
            asOf: CalendarDate(year: 2026, month: 11, day: 5), archive: try ArchivePlace(folder: purging.archive),
            certificates: purging.certificates, templates: templates, expectedRows: 6000, programVersion: "test",
            host: "here", hostClock: { Instant(microseconds: Int64(Date().timeIntervalSince1970) * 1_000_000) })
        let purge = Purge(purgeSettings, try await purger.direct(for: "A purge"))
        let plan = try await purge.prepare()
        let running = Task { try await purge.run(plan) }
        let holder = try await Connection.open(settings)
        // From the first rows that are gone on, the wait is what differs: the hold meets the purge at another place each time.
        try await holder.run { session in
            for _ in 0..<100_000 {
                let left = try session.query("SELECT count(*) AS n FROM video_external_access_log")[0].int("n")
                if left < 6000 { return }
            }
        }
        try await holder.run { _ = try $0.query("SELECT pg_sleep(\(Double(delayMilliseconds) / 1000))") }
        _ = try await Holds().place(.account("one"), matter: "case", requestedBy: "counsel", holder)
        let count = "SELECT count(*)::text FROM video_external_access_log"
        let atHold = try await purging.number(count)
        _ = try await running.value
        await holder.close()
        await purger.close()
        return (atHold, try await purging.number(count), atHold > 0 && atHold < 6000)
    }
}
