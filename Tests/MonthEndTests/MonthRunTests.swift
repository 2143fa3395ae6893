import Domain
import Formats
import Foundation
import Postgres
import TestSupport
import Testing

/// A month that is run by one command.
@Suite struct MonthRunTests {
    @Test func `a month is run in order, and its page names every customer and leads to every file`() async throws {
        try await MonthBooks.with { place in
            let run = try await place.month(["run", "2026-10"])
            #expect(run.exitCode == 2, "\(run.errors)")
            let steps = run.output.split(separator: "\n").compactMap { $0.split(separator: " ").first.map(String.init) }
            #expect(steps.filter { ["data", "ledger", "sla", "statements"].contains($0) }.isSorted)
            #expect(run.output.contains("The statement of customer5 is not whole: unexplained 777"), "\(run.output)")
            let files = try place.files()
            let page = String(decoding: try #require(files["index.html"]), as: UTF8.self)
            let links = page.matches(of: /href="([^"#]+)"/).map { String($0.output.1) }
            #expect(links.count == 3 * 6 + 8)
            for link in links {
                let path = place.folder.file("months") + "/month-2026-10/" + link
                #expect(FileManager.default.fileExists(atPath: path), "\(link)")
            }
            // The worst of what each verdict stands for, as the reports say it.
            let customers = try Self.records(try #require(files["customers.csv"]))
            #expect(customers.map { $0["account"] } == MonthBooks.slugs)
            for customer in customers {
                let slug = try #require(customer["account"])
                let promises = try Self.records(try #require(files["sla/sla-\(slug)-2026-10/promises.csv"]))
                for name in ["availability", "completion", "auto_refund"] {
                    let verdicts = promises.filter { $0["promise"] == name }.compactMap { $0["verdict"] }
                    let worst = ["breach", "insufficient data", "pass", "not applicable"].first(
                        where: verdicts.contains)
                    #expect(customer[name] == worst ?? "", "\(slug) \(name)")
                }
                let usage = try Self.records(try #require(files["statements/statement-\(slug)-2026-10/usage.csv"]))
                let cents = usage.compactMap { $0["amount_usd"] }.map { Int($0.replacing(".", with: "")) ?? 0 }
                #expect(
                    customer["amount_usd"]?.replacing(".", with: "") == String(cents.reduce(0, +)), "\(slug) \(usage)")
            }
            #expect(customers.map { $0["statement"] } == ["not whole", "whole", "not whole"])
            // What is due is what the pages say, to the cent.
            for customer in customers {
                let slug = try #require(customer["account"])
                let statement = String(
                    decoding: try #require(files["statements/statement-\(slug)-2026-10.html"]), as: UTF8.self)
                let due = try #require(
                    statement.firstMatch(
                        of: /Due by invoice for this month<\/th>.*?<td class="n">([0-9,.]+)<\/td><\/tr>/))
                let cents = try #require(Dollars(String(due.output.1).replacing(",", with: "")))
                #expect(customer["due_usd"].flatMap { Dollars($0) } == cents, "\(slug)")
            }
            // Whose defects of the ledger there are stands in each finding, and what comes next on the page.
            let defects = try Self.records(try #require(files["ledger.csv"]))
            for finding in try Self.records(try #require(files["findings.csv"])) where finding["step"] == "ledger" {
                let slugs = Set(defects.filter { $0["finding"] == finding["finding"] }.compactMap { $0["account"] })
                let named = slugs.filter { finding["detail"]?.contains($0) == true }
                #expect(!slugs.isEmpty && named == slugs.filter { !$0.isEmpty }, "\(finding)")
            }
            #expect(page.contains("<p class=\"next\">Next: mend what is named under Findings"))
            #expect(page.contains("then approve the month, which signs, closes and sends."))
            let status = try await place.month(["status", "2026-10"])
            #expect(status.exitCode == 2)
            #expect(status.output.matches(of: /Statements written +done +\S+/).count == 1, "\(status.output)")
            #expect(status.output.matches(of: /Signed and closed +(open|late) +0 of 3/).count == 1, "\(status.output)")
        }
    }

    @Test func `pages are printed too where that is asked for, and the page of the month leads to them`() async throws {
        try await MonthBooks.with { place in
            let run = try await place.month([
                "run", "2026-10", "--pdf", "--paper", "letter", "--issuer-vat-id", "DE123456789", "--issuer",
                "Kestrel Frames GmbH",
            ])
            #expect(run.exitCode == 2, "\(run.errors)")
            let files = try place.files()
            let printed = files.keys.filter { $0.hasSuffix(".pdf") }.sorted()
            #expect(
                printed == ["sla/sla-2026-10.pdf"] + MonthBooks.slugs.map { "sla/sla-\($0)-2026-10.pdf" }
                    + MonthBooks.slugs.map { "statements/statement-\($0)-2026-10.pdf" })
            for name in printed {
                let facts = try Command.run(["/usr/bin/pdfinfo", place.folder.file("months/month-2026-10/\(name)")])
                #expect(facts.contains("612 x 792 pts (letter)"), "\(name): \(facts)")
            }
            let page = String(decoding: try #require(files["index.html"]), as: UTF8.self)
            let links = page.matches(of: /href="([^"#]+)"/).map { String($0.output.1) }
            #expect(links.filter { $0.hasSuffix(".pdf") }.sorted() == printed)
            let statement = try #require(files["statements/statement-customer1-2026-10.html"])
            #expect(String(decoding: statement, as: UTF8.self).contains("DE123456789"))
            // Where nothing prints, that is said before anything is done.
            let bare = try await ProgramRun(
                [
                    "month", "run", "2026-10", "--pdf", "--quiet", "--output", place.folder.file("bare"), "--database",
                    Deployment.conninfo(place.settings),
                ], environment: ["PATH": "/nowhere"])
            #expect(bare.exitCode == 78 && bare.errors.contains("install Chromium"), "\(bare.errors)")
            #expect(!FileManager.default.fileExists(atPath: place.folder.file("bare")))
        }
    }

    @Test func `a run that is killed again and again ends with the same bytes as one that was not`() async throws {
        try await MonthBooks.with { place in
            let clock = ContinuousClock()
            let started = clock.now
            let whole = try await place.month(["run", "2026-10"], output: "whole")
            let seconds = (clock.now - started) / .seconds(1)
            #expect(whole.exitCode == 2, "\(whole.errors)")
            let expected = try place.everyFile("whole")
            let (kills, seed) = (Self.kills, Self.seed)
            var random = SeededRandom(seed: seed)
            for number in 1...kills {
                var after = Double.random(in: 0...seconds, using: &random)
                // A run that has ended by then, because the machine has become quicker, is killed earlier.
                var isMet = false
                while !isMet, after > 0.01 {
                    let killed = try await place.month(["run", "2026-10"], killAfter: after)
                    isMet = killed.exitCode == 137
                    #expect(isMet || killed.exitCode == 2, "\(killed.exitCode) \(killed.errors)")
                    // Whatever has appeared is whole.
                    let other = try place.everyFile().filter { expected[$0] != $1 }
                    #expect(other.isEmpty, "seed \(seed), kill \(number): \(other.keys.sorted())")
                    after /= 2
                }
                #expect(isMet, "seed \(seed): kill \(number) met no run")
            }
            print("\(kills) kills of a month's run with seed \(seed)")
            let status = try await place.month(["status", "2026-10"])
            #expect(status.exitCode == 2)
            let last = try await place.month(["run", "2026-10"])
            #expect(last.exitCode == 2, "\(last.errors)")
            let found = try place.everyFile()
            #expect(found.keys.sorted() == expected.keys.sorted())
            #expect(found == expected, "seed \(seed): \(found.filter { expected[$0] != $1 }.keys.sorted())")
            // Nothing of the killed ones is left.
            let left = try FileManager.default.subpathsOfDirectory(atPath: place.folder.file("months"))
            #expect(!left.contains { $0.contains(".daybook-") }, "\(left.filter { $0.contains(".daybook-") })")
        }
    }

    /// How often a run is killed, and the seed of the instants.
    private static let kills = ProcessInfo.processInfo.environment["DAYBOOK_MONTH_KILLS"].flatMap { Int($0) } ?? 2
    private static let seed =
        ProcessInfo.processInfo.environment["DAYBOOK_MONTH_SEED"].flatMap { UInt64($0) } ?? .random(in: 0...UInt64.max)

    @Test func `what a month is judged by and is not there is a finding`() async throws {
        try await MonthBooks.with { place in
            try await execute(
                """
                DELETE FROM daybook.probe WHERE probed_at >= '2026-10-05Z' AND probed_at < '2026-10-07Z';
                UPDATE public.users SET email = '' WHERE id = (
                    SELECT user_id FROM daybook.account WHERE slug = 'customer1')
                """, in: place.settings)
            let run = try await place.month(["run", "2026-10"])
            #expect(run.exitCode == 2, "\(run.errors)")
            let findings = try Self.records(try #require(place.files()["findings.csv"])).filter { $0["step"] == "data" }
            let missing = findings.filter { $0["finding"] == "probes_missing" }
            #expect(!missing.isEmpty && missing.allSatisfy { $0["count"] == "2" }, "\(findings)")
            #expect(missing.first?["detail"]?.contains("2 of 31 days, the first of them 2026-10-05") == true)
            #expect(findings.contains { $0["finding"] == "no_address" && $0["account"] == "customer1" })
            // Nine of the sample's customers have no account here.
            let owners = try await place.lines(
                """
                SELECT count(DISTINCT user_id) FROM public.batch_jobs
                WHERE created_at >= '2026-10-01Z' AND created_at < '2026-11-01Z'
                    AND user_id NOT IN (SELECT user_id FROM daybook.account)
                """)
            #expect(findings.first { $0["finding"] == "owner_without_account" }?["count"] == owners[0])
        }
    }

    /// The records of a CSV file by the names of their columns.
    static func records(_ data: Data) throws -> [[String: String]] {
        var reader = CSVReader()
        var rows: [[String]] = []
        try reader.read(data) { rows.append($0.map(\.text)) }
        try reader.finish { rows.append($0.map(\.text)) }
        return rows.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(rows[0], $0)) }
    }
}

extension [String] {
    /// In the order of the steps.
    fileprivate var isSorted: Bool {
        let order = ["data", "ledger", "sla", "statements"]
        let numbers = compactMap { order.firstIndex(of: $0) }
        return numbers == numbers.sorted()
    }
}
