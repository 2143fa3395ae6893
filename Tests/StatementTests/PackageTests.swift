import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// Purchases and grants on a statement: what each held, what was used of it, and until when it can be.
@Suite struct PackageTests {
    private static let columns = [
        "kind", "entry_id", "reference", "booked_at", "credits", "price_usd", "opening_credits", "used_credits",
        "closing_credits", "opening_usd", "used_usd", "closing_usd", "expires_at",
    ]

    @Test func `a package says what it cost, what was used of it, and what is left of what it is worth`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(settings, ["--month", "2026-10", "--account", "customer5"])
            let rows = try run.records("statement-customer5-2026-10", "packages")
            #expect(rows[0] == Self.columns)
            // 5,000 dollars for 262,500 credits: 18,290 of them, drawn batch by batch, each draw rounded down.
            #expect(rows[1].prefix(3) == ["purchase", rows[1][1], "pi_4109d8d6-5f7b"])
            #expect(Array(rows[1][4...8]) == ["262500", "5000.00", "185100", "18290", "166810"])
            #expect(rows[1][11].hasPrefix("3177.33") && rows[1][12] == "")
            #expect(rows.dropFirst(2).allSatisfy { $0[7] == "0" && $0[6] == $0[8] && $0[9] == $0[5] })
        }
    }

    @Test func `what is left of all packages is the balance, and the next month begins with it`() async throws {
        try await withSample { settings in
            var left: [String: [[String]]] = [:]
            for month in ["2026-07", "2026-08", "2026-09", "2026-10"] {
                let run = try await StatementRuns(settings, ["--month", month, "--all", "--format", "csv"])
                for number in [0, 1, 2, 5, 7, 8, 10] {
                    let name = "statement-customer\(number)-\(month)"
                    let records = try StatementRuns.records(run.folder.file("\(name)/packages.csv"))
                    let rows = records.dropFirst().map { Array($0.dropFirst(2)) }
                    let summary = try StatementRuns.records(run.folder.file("\(name)/summary.csv"))
                    func balance(_ line: String) -> Int64? { summary.first { $0[2] == line }.flatMap { Int64($0[3]) } }
                    func sum(_ column: Int) -> Int64 { rows.reduce(0) { $0 + (Int64($1[column]) ?? 0) } }
                    #expect(sum(8) == balance("closing_balance"), "\(name)")
                    #expect(sum(6) == balance("opening_balance"), "\(name)")
                    #expect(sum(7) == -(balance("spent") ?? 0) - (balance("refunds") ?? 0), "\(name)")
                    // Entry, credits and worth of those that hold something.
                    let opening = rows.filter { $0[6] != "0" }.map { [$0[1], $0[6], $0[9]] }
                    if let before = left["\(number)"] { #expect(opening == before, "\(name)") }
                    left["\(number)"] = rows.filter { $0[8] != "0" }.map { [$0[1], $0[8], $0[11]] }
                }
            }
        }
    }

    @Test func `the page says what expires next, on the customer's own day`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(settings, ["--month", "2026-07", "--account", "customer0"])
            let name = "statement-customer0-2026-07"
            let bonus = try #require(try run.records(name, "packages").first { $0[0] == "bonus_grant" })
            #expect(bonus[12] == "2026-08-19T00:00:00.000000+00:00")
            let page = try String(contentsOfFile: run.folder.file(name + ".html"), encoding: .utf8)
            let left = try #require(Int64(bonus[8]))
            #expect(page.contains("Next to expire: \(GroupedNumber.text(left)) bonus credits, on 18 August 2026."))
            let october = try await StatementRuns(settings, ["--month", "2026-10", "--account", "customer5"])
            let other = try String(
                contentsOfFile: october.folder.file("statement-customer5-2026-10.html"), encoding: .utf8)
            #expect(other.contains("Nothing of what is left expires."))
        }
    }

    @Test func `bonus that came back as purchased credit is no grant's any more, and never expires`() async throws {
        try await withSample { settings in
            for (slug, bonus, expiry) in [
                ("customer2", 0, "Nothing of what is left expires."),
                (
                    "customer0", 220,
                    "220 bonus credits have expired on 18 August 2026, and no entry takes them out yet: they cannot "
                        + "be spent. Nothing else of what is left expires."
                ),
            ] {
                let run = try await StatementRuns(settings, ["--month", "2026-10", "--account", slug])
                let rows = try run.records("statement-\(slug)-2026-10", "packages")
                let granted = rows.filter { $0[0] == "bonus_grant" }.compactMap { Int($0[8]) }
                #expect(granted.reduce(0, +) == bonus, "\(rows)")
                // What the wallet says too.
                let wallet = try await count(
                    "SELECT bonus_credits FROM public.credit_wallet JOIN daybook.account USING (user_id) "
                        + "WHERE slug = '\(slug)'", settings)
                #expect(wallet == Int64(bonus))
                let returned = try #require(rows.first { $0[0] == "returned_bonus" })
                #expect(returned[1] == "" && Int(returned[8]) ?? 0 > 0 && returned[11] == "0.00" && returned[12] == "")
                #expect(try Self.page(run, "statement-\(slug)-2026-10").contains(expiry), "\(slug)")
            }
        }
    }

    private func count(_ sql: String, _ settings: ConnectionSettings) async throws -> Int64 {
        let connection = try await Connection.open(settings)
        let count = try await connection.run { try $0.query(sql)[0].int(0) }
        await connection.close()
        return count
    }

    @Test func `every instant is by the clock of its own day, on the page and in the workbook`() async throws {
        try await withSample { settings in
            let name = "statement-customer5-2026-10"
            let run = try await StatementRuns(settings, ["--month", "2026-10", "--account", "customer5"])
            // The clocks went back on the first of November, between the month's end and this.
            let page = try Self.page(run, name)
            #expect(page.contains("<dt>Statement date</dt><dd><bdi>1 November 2026</bdi></dd>"))
            #expect(page.contains("Judged as of 2026-11-01 23:10."))
            // Winter time, eight months before: 00:00 in UTC is the afternoon of the day before.
            #expect(page.contains("Purchase, 11 March 2026"))
            let script = """
                import openpyxl, sys
                sheet = openpyxl.load_workbook(sys.argv[1])["Entries"]
                print(sheet["B1"].value, sheet["B2"].value.isoformat(timespec="milliseconds"))
                """
            let read = try await ProgramRun(
                ["-c", script, run.folder.file(name + ".xlsx")], program: TestPython.path)
            let first = try run.records(name, "entries")[1][1]
            #expect(
                read.output == "Posted at (America/Los_Angeles) \(first.prefix(23))\n", "\(read.output)\(read.errors)")
        }
    }

    @Test func `pay as you go lists what was bought in the month, and nothing of what is left`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(settings, ["--month", "2026-05", "--account", "customer3"])
            let rows = try run.records("statement-customer3-2026-05", "packages")
            let entries = try run.records("statement-customer3-2026-05", "entries").filter { $0[2] == "purchase" }
            #expect(!entries.isEmpty && rows.dropFirst().map { $0[1] } == entries.map { $0[0] })
            #expect(rows.dropFirst().allSatisfy { $0[2].hasPrefix("pi_") && $0[6...11].allSatisfy(\.isEmpty) })
        }
    }

    @Test func `days and keys add up to the month, and a key that nobody wrote down is said to be missing`()
        async throws
    {
        try await withSample { settings in
            let arguments = ["--month", "2026-10", "--account", "customer5", "--format", "html,csv"]
            let name = "statement-customer5-2026-10"
            let page = try Self.page(try await StatementRuns(settings, arguments), name)
            #expect(try Self.cells(page, "usage-by-day", "2026-10-19") == ["2", "71", "67", "1,070", "20.38"])
            #expect(try Self.cells(page, "usage-by-day", "Total") == ["9", "264", "253", "18,290", "348.38"])
            let key = try Self.cells(page, "usage-by-key", "Ostrich &quot;Big&quot; Foods production (6050914a)")
            #expect(key == ["9", "264", "253", "18,290", "348.38"])
            // Which key made one of them is lost; then of all.
            try await execute(
                "DELETE FROM public.enterprise_api_usage WHERE batch_job_id::text LIKE '0c7b512f%'", in: settings)
            let fewer = try Self.page(try await StatementRuns(settings, arguments), name)
            #expect(try Self.cells(fewer, "usage-by-key", "not recorded").prefix(2) == ["1", "12"])
            try await execute("DROP TABLE public.enterprise_api_usage", in: settings)
            let none = try Self.page(try await StatementRuns(settings, arguments), name)
            #expect(none.contains("With which key these batches were made is not written down in this database."))
        }
    }

    @Test func `the month before stands beside with its amounts once it is closed`() async throws {
        try await withSample { settings in
            let five = ["--account", "customer5"]
            let name = "statement-customer5-2026-10"
            let open = try Self.page(try await StatementRuns(settings, ["--month", "2026-10"] + five), name)
            #expect(open.contains("September 2026 is not closed"))
            let before = try await StatementRuns(settings, ["--month", "2026-09"] + five)
            let amounts = try before.wholeRecords("statement-customer5-2026-09", "usage").dropFirst().map { $0[12] }
            #expect(try await closing(settings, ["2026-09", "--quiet"] + five).exitCode == 0)
            let page = try Self.page(try await StatementRuns(settings, ["--month", "2026-10"] + five), name)
            #expect(page.contains(">September 2026 USD</th>") && !page.contains("is not closed"))
            #expect(!amounts.isEmpty && amounts.allSatisfy { page.contains("<td class=\"n\">\($0)</td></tr>") })
            // What is closed is not changed by what is known now.
            let closed = try await StatementRuns(settings, ["--month", "2026-09"] + five)
            #expect(try Self.page(closed, "statement-customer5-2026-09").contains("Not an invoice."))
        }
    }

    private static func page(_ run: StatementRuns, _ name: String) throws -> String {
        try String(contentsOfFile: run.folder.file(name + ".html"), encoding: .utf8)
    }

    /// The cells of a row of a table, without the first.
    private static func cells(_ page: String, _ table: String, _ row: String) throws -> [String] {
        let section = try #require(page.range(of: "<section id=\"\(table)\""))
        let start = try #require(page[section.upperBound...].range(of: ">\(row)</th>"), "no row \(row)")
        let rest = page[start.upperBound...].prefix { $0 != "\n" }
        return rest.matches(of: /<td[^>]*>([^<]*)<\/td>/).map { String($0.1) }
    }
}
