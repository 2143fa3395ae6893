import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// The statements of the sample deployment.
@Suite struct SampleStatementTests {
    private static let months = ["2026-04", "2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10"]

    @Test func `the figures of October are those of the books`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(settings, ["--month", "2026-10", "--all"])
            let five = try run.summary("statement-customer5-2026-10")
            #expect(five["opening_balance"] == 1_832_600)
            #expect(five["spent"] == -19_400)
            #expect(five["refunds"] == 1_110)
            #expect(five["closing_balance"] == 1_814_310)
            #expect(five["unexplained"] == 777)
            #expect(five["unreconciled"] == 0)
            let three = try run.summary("statement-customer3-2026-10")
            #expect(three["unreconciled"] == 120)
            #expect(try run.summary("statement-customer6-2026-10")["unreconciled"] == 10)
            #expect(try run.summary("statement-customer0-2026-10")["expired_unbooked"] == 220)
            // What is to blame adds up to what is not reconciled.
            let blame = try run.records("statement-customer6-2026-10", "differences").filter { $0[0] == "unreconciled" }
            #expect(blame.map { $0[1] } == ["66f810c7-d949-4169-93f2-1a32fe52f921"])
            #expect(blame.compactMap { Int64($0[2]) }.reduce(0, +) == 10)
        }
    }

    @Test func `a month that is not over is the same bytes in every run`() async throws {
        try await withSample { settings in
            let arguments = ["--month", "2026-11", "--account", "customer5"]
            let first = try await StatementRuns(settings, arguments).folder.contents()
            let second = try await StatementRuns(settings, arguments).folder.contents()
            #expect(first.count > 3 && first.keys.sorted() == second.keys.sorted())
            for (name, bytes) in first where !name.hasSuffix("manifest.json") {
                #expect(second[name] == bytes, "\(name)")
            }
        }
    }

    @Test func `the usage of a page ends with its total`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(settings, ["--month", "2026-10", "--account", "customer5"])
            let usage = try run.records("statement-customer5-2026-10", "usage").dropFirst()
            #expect(!usage.isEmpty && !usage.contains { $0[0].hasPrefix("Total") })
            let page = try String(contentsOfFile: run.folder.file("statement-customer5-2026-10.html"), encoding: .utf8)
            let table = try #require(page.range(of: "id=\"usage\""))
            let start = try #require(page[table.upperBound...].range(of: ">Total</th>"))
            let row = page[start.upperBound...].prefix { $0 != "\n" }
            let cells = row.matches(of: /<td[^>]*>([^<]*)<\/td>/).map { String($0.1).replacing(",", with: "") }
            let amounts = usage.compactMap { Decimal(string: $0[10]) }.reduce(0, +)
            #expect(cells.last.flatMap { Decimal(string: $0) } == amounts && amounts > 0)
            for column in [2, 3, 4, 5, 6, 7, 8] {
                #expect(Int64(cells[column - 1]) == usage.reduce(0) { $0 + (Int64($1[column]) ?? 0) }, "\(column)")
            }
        }
    }

    @Test func `the statements of all customers and months tile, and add up to the ledger`() async throws {
        try await withSample { settings in
            var closing: [String: Int64] = [:]
            var moved: Int64 = 0
            var accounts = 0
            for month in Self.months {
                let run = try await StatementRuns(settings, ["--month", month, "--all", "--format", "csv"])
                let names = try FileManager.default.contentsOfDirectory(atPath: run.folder.path).filter {
                    $0.hasPrefix("statement-")
                }
                accounts = names.count
                for name in names {
                    let summary = try run.summary(name)
                    let slug = String(name.dropFirst(10).dropLast(8))
                    if let before = closing[slug] { #expect(summary["opening_balance"] == before, "\(name)") }
                    closing[slug] = summary["closing_balance"]
                    moved += (summary["closing_balance"] ?? 0) - (summary["opening_balance"] ?? 0)
                    let entries = try run.records(name, "entries").dropFirst()
                    let last = entries.last.flatMap { Int64($0[6]) } ?? summary["opening_balance"]
                    #expect(last == summary["closing_balance"], "\(name)")
                }
            }
            #expect(accounts == 12)
            let connection = try await Connection.open(settings)
            // Everything before April opens the first statement, everything after October is not on any.
            let expected = try await connection.run { session in
                try session.query(
                    """
                    SELECT coalesce(sum(l.credits_delta), 0)::bigint AS credits
                    FROM public.credit_ledger AS l JOIN daybook.account AS a ON a.user_id = l.user_id
                    WHERE l.created_at >= timestamp '2026-04-01' AT TIME ZONE a.time_zone
                        AND l.created_at < timestamp '2026-11-01' AT TIME ZONE a.time_zone
                    """)[0].int("credits")
            }
            await connection.close()
            #expect(moved == expected)
        }
    }

    @Test func `running it again gives the same bytes, one account or all of them`() async throws {
        try await withSample { settings in
            let first = try await StatementRuns(settings, ["--month", "2026-10", "--all"])
            let second = try await StatementRuns(settings, ["--month", "2026-10", "--all"])
            let alone = try await StatementRuns(settings, ["--month", "2026-10", "--account", "customer2"])
            func files(_ run: StatementRuns) throws -> [String: Data] {
                try run.folder.contents().filter {
                    !$0.key.hasSuffix("manifest.json") && $0.key.contains("customer2-")
                }
            }
            // The page and the workbook say when the wallet was looked at; the figures do not.
            let figures = try files(first).filter { $0.key.hasSuffix(".csv") }
            #expect(figures.count == 7)
            #expect(try files(second).filter { $0.key.hasSuffix(".csv") } == figures)
            #expect(try files(alone).filter { $0.key.hasSuffix(".csv") } == figures)
            #expect(
                try files(second)["statement-customer2-2026-10.xlsx"]
                    == files(first)["statement-customer2-2026-10.xlsx"])
        }
    }

    @Test func `a customer in another time zone has another month`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(settings, ["--month", "2026-10", "--all", "--format", "csv"])
            let kathmandu = try run.records("statement-customer9-2026-10", "entries").dropFirst()
            #expect(
                !kathmandu.isEmpty && kathmandu.allSatisfy { $0[1].hasSuffix("+05:45") && $0[1].hasPrefix("2026-10") })
            let lordHowe = try run.records("statement-customer11-2026-10", "entries").dropFirst()
            #expect(!lordHowe.isEmpty && lordHowe.allSatisfy { $0[1].hasPrefix("2026-10") })
            #expect(Set(lordHowe.map { $0[1].suffix(6) }).isSubset(of: ["+10:30", "+11:00"]))
        }
    }

    @Test func `a deployment without wallets, users or the schema of ours is refused or left empty, never guessed`()
        async throws
    {
        try await withSample { settings in
            try await execute(
                "DROP TABLE public.credit_wallet; ALTER TABLE public.credit_ledger DROP COLUMN meta", in: settings)
            let run = try await StatementRuns(
                settings, ["--month", "2026-10", "--account", "customer5", "--format", "csv"])
            let summary = try run.records("statement-customer5-2026-10", "summary")
            #expect(summary.contains(["unexplained", ""]) && summary.contains(["expired_unbooked", ""]))
            #expect(summary.contains(["closing_balance", "1814310"]))
            #expect(
                try run.records("statement-customer5-2026-10", "entries").dropFirst().allSatisfy {
                    $0[4] == "permanent"
                })
        }
    }

    @Test func `the page is whole: every entry, no mark, no script`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(settings, ["--month", "2026-10", "--account", "customer4"])
            let page = try String(contentsOfFile: run.folder.file("statement-customer4-2026-10.html"), encoding: .utf8)
            #expect(page.contains("=SUM(A1:A9) Media") && page.contains("@bottom-right"))
            #expect(!page.contains("<script") && !page.contains("\u{E000}"))
            for record in try run.records("statement-customer4-2026-10", "entries").dropFirst() {
                #expect(page.contains(">\(record[0])<"), "entry \(record[0])")
            }
        }
    }
}

/// Which credit a row moved, where an application's own functions wrote it: they never say `bucket`.
@Suite struct BucketTests {
    private static let owner = "2eae05cf-96d0-4c5f-94c2-8c2e7c26847f"
    private static let batch = "00000000-0000-4000-8000-000000000001"

    @Test func `bonus that an application spent costs nothing, and purchases keep their credit`() async throws {
        try await withSample { settings in
            try await execute(
                """
                INSERT INTO public.users (id, google_id, email) VALUES ('\(Self.batch)', 'x', 'x@example.org');
                INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd, contract_profile)
                SELECT '\(Self.batch)', 'late', 'Late', 'prepaid', currency, 'UTC', retention_days, 0, contract_profile
                FROM daybook.account WHERE user_id = '\(Self.owner)';
                INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)
                SELECT '\(Self.batch)', r.type, r.model, r.credits, r.reference, r.id, r.meta::jsonb, '2026-10-02T00:00:00Z'
                FROM (VALUES
                    ('purchase', NULL, 1000, 'stripe_payment', NULL, '{"usd": "100"}'),
                    ('adjust', NULL, 40, 'admin', NULL, '{"credit_type": "bonus"}'),
                    ('bonus_grant', NULL, 100, 'stripe_payment', NULL, NULL),
                    ('spend', 'sora-2', -20, 'batch_upfront', '\(Self.batch)', '{"use_bonus": true}'),
                    ('spend', 'sora-2', -10, 'bonus_credits', NULL, NULL),
                    ('spend', 'sora-2', -10, 'permanent_credits', NULL, NULL),
                    ('adjust', NULL, -30, 'admin', NULL, '{"credit_type": "bonus"}')
                ) AS r (type, model, credits, reference, id, meta)
                """, in: settings)
            let run = try await StatementRuns(
                settings, ["--month", "2026-10", "--account", "late", "--format", "csv"])
            let entries = try run.records("statement-late-2026-10", "entries").dropFirst()
            #expect(
                entries.map { $0[4] } == ["permanent", "bonus", "bonus", "bonus", "bonus", "permanent", "bonus"])
            // Only the video that purchased credit paid for costs something: 10 credits of 1,000 that cost $100.
            let usage = try run.records("statement-late-2026-10", "usage").dropFirst()
            #expect(usage.map { Array($0.suffix(1)) } == [["1.00"]])
        }
    }
}
