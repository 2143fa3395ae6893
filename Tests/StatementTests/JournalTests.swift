import Foundation
import Postgres
import TestSupport
import Testing

/// A month as double entry: it balances, deferred revenue is what the unspent purchased credits cost, revenue what the
/// statements say, and the programs of bookkeepers read it.
@Suite struct JournalTests {
    private static func sum(_ rows: [[String: String]], _ purpose: String) -> Int64 {
        rows.filter { $0["purpose"] == purpose }.reduce(0) { $0 + micros($1["debit_usd"]) - micros($1["credit_usd"]) }
    }

    @Test func `seven months of the sample balance, tile, and agree with the statements and the calculation`()
        async throws
    {
        try await withSample { settings in
            let input = try ScratchFolder()
            try await GeneratedBooks.export(settings, to: input)
            let now = ISO8601DateFormatter().string(from: Date())
            var closing: [String: (deferred: Int64, frozen: Int64)] = [:]
            for month in ExportRun.sampleMonths {
                let journal = try await ExportRun("journal", settings, ["--month", month, "--all"])
                let rows = try journal.rows("journal-\(month)")
                let totals = try journal.totals("journal-\(month)")
                let statements = try await StatementRuns(settings, ["--month", month, "--all", "--format", "csv"])
                let theirs = try await ProgramRun.expectingSuccess(
                    [Deployment.root + "/Tests/Oracle/deferred.py", input.path, "--month", month, "--now", now],
                    program: TestPython.path)
                let calculated = Dictionary(
                    uniqueKeysWithValues: theirs.split(separator: "\n").map { line in
                        let words = line.split(separator: " ")
                        return (String(words[0]), (Int64(words[1]) ?? -1, Int64(words[2]) ?? -1))
                    })
                #expect(totals.count == 12 && calculated.count == 7)
                for (slug, own) in totals {
                    let mine = rows.filter { $0["account"] == slug }
                    #expect(mine.allSatisfy { $0["month"] == month && $0["date"]?.hasPrefix(month) == true })
                    for (_, legs) in Dictionary(grouping: mine, by: { $0["transaction"] ?? "" }) {
                        let moved = legs.reduce(0) { $0 + micros($1["debit_usd"]) - micros($1["credit_usd"]) }
                        #expect(moved == 0 && legs.count >= 2, "\(month) \(slug) \(legs)")
                    }
                    let deferred = (
                        opening: micros(own["deferred_revenue_opening"]),
                        closing: micros(own["deferred_revenue_closing"])
                    )
                    let frozen = (
                        opening: micros(own["frozen_credits_opening"]), closing: micros(own["frozen_credits_closing"])
                    )
                    #expect(
                        deferred.closing == deferred.opening - Self.sum(mine, "deferred_revenue"), "\(month) \(slug)")
                    #expect(frozen.closing == frozen.opening - Self.sum(mine, "frozen_credits"), "\(month) \(slug)")
                    if let (left, held) = calculated[slug] {
                        #expect(deferred.closing == left && frozen.closing == held, "\(month) \(slug)")
                    } else {
                        #expect(deferred.closing == 0 && frozen.closing == 0, "\(month) \(slug)")
                    }
                    if let before = closing[slug] {
                        #expect(
                            before.deferred == deferred.opening && before.frozen == frozen.opening, "\(month) \(slug)")
                    }
                    closing[slug] = (deferred.closing, frozen.closing)
                    // The statement rounds each of its lines to the cent, and nothing else.
                    let usage = try statements.records("statement-\(slug)-\(month)", "usage").dropFirst()
                    let stated = usage.reduce(0) { $0 + micros($1[10]) }
                    let revenue = -Self.sum(mine, "revenue")
                    #expect(micros(own["revenue"]) == revenue && micros(own["statement"]) == stated)
                    #expect(
                        abs(revenue - stated) <= Int64(usage.count) * 5_000, "\(month) \(slug) \(revenue) \(stated)")
                }
            }
        }
    }

    @Test func `hledger, ledger and beancount read seven months, and have the balances that the manifest says`()
        async throws
    {
        try await withSample { settings in
            let scratch = try ScratchFolder()
            var hledger = ""
            var beancount = "plugin \"beancount.plugins.auto_accounts\"\n"
            var expected: [String: Int64] = [:]
            for month in ExportRun.sampleMonths {
                let first = month == "2026-04" ? ["--opening"] : []
                let journal = try await ExportRun(
                    "journal", settings, ["--month", month, "--all", "--format", "csv,hledger,beancount"] + first)
                for form in ["hledger", "beancount"] {
                    let path = journal.folder.file("journal-\(month)/journal.\(form)")
                    let text = try String(contentsOfFile: path, encoding: .utf8)
                    _ = try scratch.write(text, to: "\(month).\(form)")
                    if form == "beancount" {
                        // Each month is whole by itself, too.
                        try await ProgramRun.expectingSuccess(
                            ["-m", "beancount.scripts.check", path], program: TestPython.path)
                    }
                }
                hledger += "include \(month).hledger\n"
                beancount += "include \"\(month).beancount\"\n"
                for (slug, own) in try journal.totals("journal-\(month)") {
                    for (name, key) in [("DeferredRevenue", "deferred_revenue"), ("FrozenCredits", "frozen_credits")] {
                        expected["Liabilities:\(name):\(slug)"] = -micros(own["\(key)_closing"])
                    }
                }
            }
            #expect(expected.values.contains { $0 < -1_000_000_000 } && expected.count == 24)
            expected = expected.filter { $0.value != 0 }
            let all = try scratch.write(hledger, to: "all.hledger")
            try await ProgramRun.expectingSuccess(["-f", all, "check", "--strict"], program: "/usr/bin/hledger")
            let ours = try await ProgramRun.expectingSuccess(
                ["-f", all, "balance", "--no-total", "-O", "csv", "Liabilities:DeferredRevenue", "Liabilities:Frozen"],
                program: "/usr/bin/hledger")
            var read: [String: Int64] = [:]
            for line in ours.split(separator: "\n").dropFirst() {
                let fields = line.split(separator: ",").map { $0.trimmingCharacters(in: ["\""]) }
                read[fields[0]] = micros(String(fields[1].dropLast(" USD".count)))
            }
            #expect(read == expected)
            let ledger = try await ProgramRun(
                [
                    "--strict", "-f", all, "balance", "--flat", "--no-total", "--balance-format",
                    "%(account) %(quantity(scrub(display_total)))\n", "Liabilities:DeferredRevenue",
                    "Liabilities:Frozen",
                ], program: "/usr/bin/ledger")
            #expect(ledger.exitCode == 0 && ledger.errors == "", "\(ledger.errors.prefix(500))")
            var counted: [String: Int64] = [:]
            for line in ledger.output.split(separator: "\n") {
                let words = line.split(separator: " ")
                counted[String(words[0])] = micros(String(words[1]))
            }
            #expect(counted == expected)
            let main = try scratch.write(beancount, to: "all.beancount")
            let script = """
                import sys
                from beancount import loader
                from beancount.core import realization
                entries, errors, _ = loader.load_file(sys.argv[1])
                assert not errors, errors[:3]
                for account in realization.iter_children(realization.realize(entries), leaf_only=True):
                    if account.account.startswith(("Liabilities:DeferredRevenue", "Liabilities:Frozen")):
                        print(account.account, account.balance.get_currency_units("USD").number)
                """
            let beans = try await ProgramRun.expectingSuccess(["-c", script, main], program: TestPython.path)
            var weighed: [String: Int64] = [:]
            for line in beans.split(separator: "\n") {
                let words = line.split(separator: " ")
                let parts = words[0].split(separator: ":")
                weighed["\(parts[0]):\(parts[1]):\(parts[2].lowercased())"] = micros(String(words[1]))
            }
            #expect(weighed.filter { $0.value != 0 } == expected)
        }
    }

    @Test func `on pay as you go what was delivered is to be invoiced, and what was paid before is a deposit`()
        async throws
    {
        try await withSample { settings in
            let journal = try await ExportRun("journal", settings, ["--month", "2026-10", "--account", "customer6"])
            let rows = try journal.rows("journal-customer6-2026-10")
            #expect(
                Set(rows.compactMap { $0["purpose"] }).isSubset(of: ["deposits", "receivable", "revenue", "unbilled"]))
            let statement = try await StatementRuns(
                settings, ["--month", "2026-10", "--account", "customer6", "--format", "csv"])
            let stated = try statement.records("statement-customer6-2026-10", "usage").dropFirst().reduce(0) {
                $0 + micros($1[10])
            }
            #expect(stated > 0 && Self.sum(rows, "unbilled") == stated && Self.sum(rows, "revenue") == -stated)
            #expect(rows.allSatisfy { ($0["debit_usd"] == "") != ($0["credit_usd"] == "") })
        }
    }

    @Test func `the accounts have the names of the mapping, and a wrong mapping is refused`() async throws {
        try await withSample { settings in
            let example = try await ProgramRun(["report", "journal", "--example-accounts"])
            #expect(example.exitCode == 0 && example.output.contains("deferred_revenue,Liabilities:DeferredRevenue:"))
            let standard = example.output.replacing("\r\n", with: "\n")
            let scratch = try ScratchFolder()
            func journal(_ mapping: String, _ format: String = "csv") async throws -> ProgramRun {
                let path = try scratch.write(mapping, to: "accounts.csv")
                return try await daybook(
                    settings,
                    [
                        "report", "journal", "--month", "2026-10", "--account", "customer5", "--accounts", path,
                        "--format", format, "--quiet", "--output", scratch.path,
                    ])
            }
            let numbered = standard.replacing("Liabilities:DeferredRevenue:{account}", with: "3270")
            let run = try await journal(numbered)
            #expect(run.exitCode == 0, "\(run.errors)")
            let text = try String(
                contentsOfFile: scratch.file("journal-customer5-2026-10/journal.csv"), encoding: .utf8)
            #expect(text.contains(",deferred_revenue,3270,") && !text.contains("DeferredRevenue"))
            let refused = try await journal(numbered, "beancount")
            #expect(refused.exitCode == 65 && refused.errors.contains("\"3270\" is no account of beancount"))
            for (mapping, why) in [
                (standard.replacing(/revenue,Income[^\n]*\n/, with: ""), "has no row for revenue"),
                (standard.replacing("\nfrozen_credits", with: "\nfrost"), "there is no purpose \"frost\""),
                (standard.replacing("Equity:OpeningBalances", with: "a;b"), "is no name of an account"),
                ("purpose,name\n", "begins with the line purpose,account"),
                (standard + "revenue,Income:Other\n", "revenue is named twice"),
            ] {
                let run = try await journal(mapping)
                #expect(run.exitCode == 65 && run.errors.contains(why), "\(why): \(run.errors)")
            }
        }
    }

    @Test func `a month that was closed stays as it was closed, and what came late is in the month after`() async throws
    {
        try await withSample { settings in
            let arguments = ["--month", "2026-09", "--account", "customer5"]
            let name = "journal-customer5-2026-09/journal.csv"
            let before = try await ExportRun("journal", settings, arguments).folder.contents()[name]
            #expect(try await closing(settings, ["2026-09", "--account", "customer5", "--quiet"]).exitCode == 0)
            try await execute(
                """
                INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id, meta, created_at)
                SELECT user_id, 'purchase', 1000, 'stripe_payment', 'late', '{"usd": 49}', '2026-09-15Z'
                FROM daybook.account WHERE slug = 'customer5'
                """, in: settings)
            let after = try await ExportRun("journal", settings, arguments).folder.contents()[name]
            #expect(before != nil && after == before)
            let next = try await ExportRun("journal", settings, ["--month", "2026-10", "--account", "customer5"])
            let late = try next.rows("journal-customer5-2026-10").filter { $0["credits"] == "1000" }
            #expect(late.map { $0["date"] } == ["2026-10-01", "2026-10-01"])
            #expect(late.map { $0["debit_usd"] } == ["49.000000", ""])
        }
    }
}
