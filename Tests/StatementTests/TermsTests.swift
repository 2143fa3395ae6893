import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// Terms hold from a month on: a month that is over keeps those that it was over under, and months tile.
@Suite struct TermsTests {
    private static let five = "1200339d-0687-49fa-9d1d-e2a05d158a2f"

    /// What an import during a month records, as if it had happened then.
    static func terms(_ slug: String, from month: String, _ changes: String) -> String {
        """
        INSERT INTO daybook.account_terms (user_id, from_month, plan, currency, time_zone, monthly_fee_usd, contract_profile)
        SELECT t.user_id, '\(month)-01', t.plan, t.currency, t.time_zone, t.monthly_fee_usd, t.contract_profile
        FROM daybook.account AS a JOIN daybook.account_terms AS t ON t.user_id = a.user_id
        WHERE a.slug = '\(slug)' ORDER BY t.from_month DESC LIMIT 1;
        UPDATE daybook.account_terms AS t SET \(changes) FROM daybook.account AS a
        WHERE a.slug = '\(slug)' AND t.user_id = a.user_id AND t.from_month = '\(month)-01'
        """
    }

    /// A file of accounts with some text of the sample's replaced.
    private static func accounts(_ text: String, _ other: String, in folder: ScratchFolder) throws -> String {
        let sample = try String(contentsOfFile: Deployment.root + "/sample/accounts.csv", encoding: .utf8)
        let path = folder.file("accounts.csv")
        try sample.replacing(text, with: other).write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test func `a month begins where the closed one before it ended, whatever zone came in between`() async throws {
        try await withSample { settings in
            try await execute(
                """
                INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id, created_at)
                VALUES ('\(Self.five)', 'purchase', 1000, 'stripe_payment', 'cs_a', '2026-09-30T20:00:00Z'),
                    ('\(Self.five)', 'purchase', 2000, 'stripe_payment', 'cs_b', '2026-10-01T05:00:00Z')
                """, in: settings)
            func close(_ month: String) async throws {
                let run = try await closing(settings, [month, "--account", "customer5", "--quiet"])
                #expect(run.exitCode == 0, "\(run.errors)")
            }
            try await close("2026-09")
            try await execute(Self.terms("customer5", from: "2026-10", "time_zone = 'Asia/Tokyo'"), in: settings)
            try await close("2026-10")
            let arguments = ["--account", "customer5", "--format", "csv", "--month"]
            let september = try await StatementRuns(settings, arguments + ["2026-09"])
            let october = try await StatementRuns(settings, arguments + ["2026-10"])
            #expect(try september.summary("statement-customer5-2026-09")["closing_balance"] == 1_835_600)
            #expect(try october.summary("statement-customer5-2026-10")["opening_balance"] == 1_835_600)
            let bought = try await StatementRuns.purchases(september, "2026-09")
            #expect(bought.filter { $0.hasPrefix("cs_") } == ["cs_a", "cs_b"])
            #expect(try await StatementRuns.purchases(october, "2026-10").allSatisfy { !$0.hasPrefix("cs_") })
            let manifest = try String(
                contentsOfFile: october.folder.file("statement-customer5-2026-10/manifest.json"), encoding: .utf8)
            #expect(manifest.contains("\"period_start\" : \"2026-10-01T07:00:00.000000+00:00\""))
            #expect(manifest.contains("\"period_end\" : \"2026-10-31T15:00:00.000000+00:00\""))
            #expect(try await daybook(settings, ["close", "list"]).exitCode == 0)
            #expect(!(try await daybook(settings, ["ledger", "verify"]).output.contains("closed_months_disagree")))
        }
    }

    @Test func `an import changes the month that runs, and none that is over`() async throws {
        try await withSample { settings in
            let scratch = try ScratchFolder()
            let statement = ["--month", "2026-10", "--all", "--format", "csv"]
            let before = try await StatementRuns(settings, statement).folder.contents()
            let sla = ["report", "sla", "--month", "2026-10", "--format", "csv", "--quiet", "--output"]
            #expect(try await daybook(settings, sla + [scratch.file("before")]).exitCode == 0)
            // Zone, plan and fee of customer5; the plan alone turned its October from 348.38 into 480.97.
            let path = try Self.accounts(
                "prepaid,USD,America/Los_Angeles,180,900", "payg,USD,Asia/Tokyo,180,1", in: scratch)
            let first = try await daybook(settings, ["accounts", "import", path])
            #expect(first.output.contains("customer5: new terms from "), "\(first.output) \(first.errors)")
            let again = try await daybook(settings, ["accounts", "import", path])
            #expect(again.output == "accounts: 12 rows read, 0 added, 0 changed, 12 already there\n")
            let after = try await StatementRuns(settings, statement).folder.contents()
            for (name, content) in before where !name.hasSuffix("manifest.json") {
                #expect(after[name] == content, "\(name)")
            }
            #expect(try await daybook(settings, sla + [scratch.file("after")]).exitCode == 0)
            for name in ["promises", "completion", "credits", "trend", "exceptions"] {
                let files = ["before", "after"].map { scratch.file("\($0)/sla-2026-10/\(name).csv") }
                #expect(FileManager.default.contentsEqual(atPath: files[0], andPath: files[1]), "\(name)")
            }
        }
    }

    @Test func `terms can begin later, never in a month that is over, and a recorded change stays`() async throws {
        try await withSample { settings in
            let scratch = try ScratchFolder()
            let path = try Self.accounts("prepaid,USD,America/Los_Angeles", "payg,USD,Asia/Tokyo", in: scratch)
            let refused = try await daybook(settings, ["accounts", "import", path, "--from", "2026-10"])
            #expect(refused.exitCode == 65 && refused.errors.contains("is over"), "\(refused.errors)")
            let later = try await daybook(settings, ["accounts", "import", path, "--from", "2190-01"])
            #expect(
                later.output.contains("1 changed") && later.output.contains("customer5: new terms from 2190-01 on\n"))
            let before = try await daybook(settings, ["accounts", "import", path, "--from", "2180-05"])
            #expect(
                before.output.contains("customer5: new terms from 2180-05 on, until those recorded from 2190-01 on"))
            let shown = try await daybook(settings, ["accounts", "show", "customer5"])
            #expect(shown.output.contains("time zone         America/Los_Angeles"))
            #expect(shown.output.contains("2180-05        payg     Asia/Tokyo"))
            // Whoever writes by hand cannot end everybody's reports.
            for change in [
                "time_zone = 'Nowhere/Land'", "monthly_fee_usd = 'NaN'", "monthly_fee_usd = 'infinity'",
            ] {
                await #expect(throws: PostgresError.self, "\(change)") {
                    try await execute("UPDATE daybook.account SET \(change)", in: settings)
                }
            }
        }
    }

    @Test func `a new version of a profile judges no month that is over`() async throws {
        try await withSample { settings in
            let scratch = try ScratchFolder()
            let arguments = [
                "report", "sla", "--month", "2026-10", "--account", "customer2", "--format", "csv", "--quiet",
                "--output",
            ]
            #expect(try await daybook(settings, arguments + [scratch.file("before")]).exitCode == 0)
            let shown = try await daybook(settings, ["profiles", "show", "standard"])
            let path = scratch.file("next.json")
            try shown.output.replacing("\"version\": 1", with: "\"version\": 2").replacing("120", with: "1")
                .write(toFile: path, atomically: true, encoding: .utf8)
            let imported = try await daybook(settings, ["profiles", "import", path])
            #expect(imported.output.contains("version 2: imported"), "\(imported.output) \(imported.errors)")
            #expect(try await daybook(settings, arguments + [scratch.file("after")]).exitCode == 0)
            for name in ["promises", "completion", "tasks", "trend"] {
                let files = ["before", "after"].map { scratch.file("\($0)/sla-customer2-2026-10/\(name).csv") }
                #expect(FileManager.default.contentsEqual(atPath: files[0], andPath: files[1]), "\(name)")
            }
            // The month that runs is judged by it.
            let now = ISO8601DateFormatter().string(from: Date()).prefix(7)
            let running = try await daybook(
                settings,
                ["report", "sla", "--month", String(now), "--format", "csv", "--quiet", "--output", scratch.path])
            #expect(running.exitCode == 0, "\(running.errors)")
            let manifest = try String(contentsOfFile: scratch.file("sla-\(now)/manifest.json"), encoding: .utf8)
            #expect(manifest.contains("\"version\" : 2"))
        }
    }

    @Test func `closed months that do not tile are found`() async throws {
        try await withSample { settings in
            for month in ["2026-09", "2026-10"] {
                let run = try await closing(settings, [month, "--account", "customer1", "--quiet"])
                #expect(run.exitCode == 0, "\(run.errors)")
            }
            let whole = try await daybook(settings, ["ledger", "verify"])
            #expect(!whole.output.contains("closed_months_disagree"))
            try await execute(
                "UPDATE daybook.month_close SET opening_balance = opening_balance + 7 WHERE month = '2026-10-01'",
                in: settings)
            let broken = try await daybook(settings, ["ledger", "verify"])
            #expect(broken.exitCode == 2 && broken.output.contains("closed_months_disagree"))
        }
    }
}

extension StatementRuns {
    /// The references of the purchases that customer5's statement lists, in their order.
    fileprivate static func purchases(_ run: StatementRuns, _ month: String) async throws -> [String] {
        try run.records("statement-customer5-\(month)", "entries").filter { $0[2] == "purchase" }.map { $0[8] }
    }
}
