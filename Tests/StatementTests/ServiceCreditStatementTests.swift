import Foundation
import Postgres
import TestSupport
import Testing

/// What was granted because a promise was broken, on the statement of the month that it was granted in.
@Suite struct ServiceCreditStatementTests {
    private static let month = ["--account", "customer1", "--quiet"]

    private static func offered(_ slug: String, _ month: String, usd: Int) -> String {
        """
        INSERT INTO daybook.service_credit (user_id, month, period_start, period_end, monthly_fee_usd, attained,
            tier_percent, is_least, credit_usd, request_until, report_sha256, author)
        SELECT user_id, '\(month)-01', '\(month)-01Z', '\(month)-28Z', 10000, 50, 25, false, \(usd), '2030-01-01Z',
            repeat('0', 64), 'a test'
        FROM daybook.account WHERE slug = '\(slug)';
        """
    }

    /// What an account was offered and granted, with the instants that a test needs.
    private static func granted(
        _ slug: String, _ month: String, usd: Int, at: String, form: String = "'fee', NULL, NULL"
    ) -> String {
        offered(slug, month, usd: usd) + """
            INSERT INTO daybook.service_credit_event (user_id, month, sequence, event, asked_at, reference, author)
            SELECT user_id, '\(month)-01', 1, 'requested', '\(at)', 'mail', 'a test'
            FROM daybook.account WHERE slug = '\(slug)';
            INSERT INTO daybook.service_credit_event (user_id, month, sequence, event, form, credits, reference, amount_usd,
                author, recorded_at)
            SELECT user_id, '\(month)-01', 2, 'granted', \(form), \(usd), 'a test', '\(at)'
            FROM daybook.account WHERE slug = '\(slug)';
            """
    }

    private static func page(_ run: StatementRuns, _ month: String) throws -> String {
        try String(contentsOfFile: run.folder.file("statement-customer1-\(month).html"), encoding: .utf8)
    }

    private static func statement(_ settings: ConnectionSettings, _ month: String) async throws -> StatementRuns {
        try await StatementRuns(settings, ["--month", month, "--account", "customer1"])
    }

    /// Available, off the fee and left, credit by credit.
    private static func shares(_ run: StatementRuns, _ month: String) throws -> [[String]] {
        try run.records("statement-customer1-\(month)", "service_credits").dropFirst().map { record in
            [record[0], record[4], record[5], record[6]]
        }
    }

    @Test func `a grant comes off the fee of its month, never more than the fee, and the rest off the next`()
        async throws
    {
        // The fee of customer1 is 2,500; its clock is Berlin's, where September ends two hours before it does in UTC.
        try await withSample { settings in
            let plain = try await Self.statement(settings, "2026-09")
            #expect(try Self.page(plain, "2026-09").contains("Due by invoice for this month</th>"))
            #expect(
                !FileManager.default.fileExists(
                    atPath: plain.folder.file(
                        "statement-customer1-2026-09/service_credits.csv")))
            try await execute(
                Self.granted("customer1", "2026-06", usd: 2000, at: "2026-09-10T10:00:00Z")
                    + Self.granted("customer1", "2026-07", usd: 1800, at: "2026-09-30T21:59:59Z")
                    + Self.granted("customer1", "2026-08", usd: 5, at: "2026-09-30T22:00:00Z")
                    + Self.granted("customer0", "2026-08", usd: 7, at: "2026-09-10T10:00:00Z"), in: settings)
            let september = try await Self.statement(settings, "2026-09")
            #expect(
                try Self.shares(september, "2026-09") == [
                    ["2026-06", "2000.00", "2000.00", "0.00"], ["2026-07", "1800.00", "500.00", "1300.00"],
                ])
            let page = try Self.page(september, "2026-09")
            #expect(page.contains("Service credit for June 2026: off the fee"))
            #expect(page.contains("<td class=\"n\">−500.00</td>"))
            #expect(page.contains("1300.00 USD of service credit are left, and come off the next fee."))
            let due = try #require(
                page.firstMatch(of: /Due by invoice for this month<\/th>.*<td class="n">([0-9.,]+)</))
            #expect(due.1 == "0.00")
            let october = try await Self.statement(settings, "2026-10")
            #expect(
                try Self.shares(october, "2026-10") == [
                    ["2026-07", "1300.00", "1300.00", "0.00"], ["2026-08", "5.00", "5.00", "0.00"],
                ])
            #expect(try Self.page(october, "2026-10").contains(">1,195.00</td>"))
            // The sheet and the digests have it too.
            let manifest = try String(
                contentsOfFile: october.folder.file("statement-customer1-2026-10/manifest.json"), encoding: .utf8)
            #expect(manifest.contains("statement-customer1-2026-10/service_credits.csv"))
            let check = try await ProgramRun(
                ["report", "check", october.folder.file("statement-customer1-2026-10")])
            #expect(check.exitCode == 0, "\(check.errors)")
            // Whoever used up everything is told of no more.
            let november = try await Self.statement(settings, "2026-11")
            #expect(
                !FileManager.default.fileExists(
                    atPath: november.folder.file(
                        "statement-customer1-2026-11/service_credits.csv")))
        }
    }

    @Test func `a month that is closed stays what it was, and what is granted after it stands in a later one`()
        async throws
    {
        try await withSample { settings in
            try await execute(
                Self.granted("customer1", "2026-07", usd: 2600, at: "2026-09-10T10:00:00Z"), in: settings)
            for month in ["2026-09", "2026-10"] {
                let closed = try await daybook(settings, ["close", "month", month] + Self.month)
                #expect(closed.exitCode == 0, "\(closed.errors)")
            }
            let before = try await Self.statement(settings, "2026-10")
            #expect(try Self.shares(before, "2026-10") == [["2026-07", "100.00", "100.00", "0.00"]])
            try await execute(Self.offered("customer1", "2026-10", usd: 125), in: settings)
            let subject = ["--month", "2026-10", "--account", "customer1"]
            for step in [["request", "--reference", "m", "--at", "2026-11-05"], ["grant", "--as", "fee"]] {
                let run = try await daybook(settings, ["sla", "credits", step[0]] + subject + step.dropFirst())
                #expect(run.exitCode == 0, "\(run.errors)")
            }
            let after = try await Self.statement(settings, "2026-10")
            for name in try FileManager.default.subpathsOfDirectory(atPath: before.folder.path) {
                let path = before.folder.file(name)
                let (was, now) = (
                    FileManager.default.contents(atPath: path),
                    FileManager.default.contents(atPath: after.folder.file(name))
                )
                #expect(was == now, "\(name)")
            }
            for month in ["2026-09", "2026-10"] {
                let diff = try await daybook(settings, ["close", "diff", month, "--account", "customer1"])
                #expect(diff.exitCode == 0, "\(diff.output)\(diff.errors)")
            }
            // The database's clock says in which month it stands.
            let connection = try await Connection.open(settings)
            let current = try await connection.run { session in
                try #require(
                    try session.query(
                        """
                        SELECT to_char(e.recorded_at AT TIME ZONE a.time_zone, 'YYYY-MM') AS month
                        FROM daybook.service_credit_event AS e JOIN daybook.account AS a ON a.user_id = e.user_id
                        WHERE e.event = 'granted' AND e.month = '2026-10-01'
                        """
                    ).first
                ).text("month")
            }
            await connection.close()
            let next = try await Self.statement(settings, current)
            #expect(try Self.shares(next, current) == [["2026-10", "125.00", "125.00", "0.00"]])
            // A row that says otherwise of a closed month is found.
            try await execute(
                Self.granted("customer1", "2026-08", usd: 9, at: "2026-09-11T10:00:00Z"), in: settings)
            let diff = try await daybook(settings, ["close", "diff", "2026-09", "--account", "customer1"])
            #expect(diff.output.contains("service_credits"), "\(diff.output)\(diff.errors)")
        }
    }

    @Test func `credits that are granted are booked once, worth no more than the offer, and the books stay whole`()
        async throws
    {
        try await withEngine { settings in
            let folder = try ScratchFolder()
            let userID = try await TestCustomer.create(in: settings, purchased: 1000)
            let accounts = try folder.write(
                """
                user_id,slug,name,plan,currency,timezone,retention_days,monthly_fee_usd,legal_hold
                \(userID),customer1,One,prepaid,USD,UTC,30,900,

                """, to: "accounts.csv")
            #expect(try await daybook(settings, ["accounts", "import", accounts]).exitCode == 0)
            try await execute(
                """
                INSERT INTO daybook.service_credit (user_id, month, period_start, period_end, monthly_fee_usd, attained,
                    tier_percent, is_least, credit_usd, request_until, report_sha256, author)
                VALUES ('\(userID)', '2026-10-01', '2026-10-01Z', '2026-11-01Z', 900, 99.5, 5, false, 45, '2026-12-01Z',
                    repeat('0', 64), 'a test')
                """, in: settings)
            func credits(_ command: String, _ more: [String]) async throws -> ProgramRun {
                try await daybook(
                    settings, ["sla", "credits", command, "--month", "2026-10", "--account", "customer1"] + more)
            }
            let asked = try await credits("request", ["--reference", "m", "--at", "2026-11-05"])
            #expect(asked.exitCode == 0, "\(asked.errors)")
            let unsaid = try await credits("grant", ["--as", "credits"])
            #expect(unsaid.exitCode == 64 && unsaid.errors.contains("--credits"), "\(unsaid.errors)")
            let more = try await credits("grant", ["--as", "credits", "--credits", "919"])
            #expect(more.exitCode == 65 && more.errors.contains("at most 918 credits"), "\(more.errors)")
            let trial = try await credits("grant", ["--as", "credits", "--credits", "900", "--dry-run"])
            #expect(trial.exitCode == 0, "\(trial.errors)")
            let balance = ["credits", "balance", "--account", "customer1"]
            #expect(try await !daybook(settings, balance).output.contains("1,900"))
            for answer in ["900 credits are booked, worth 44.10 USD", "Nothing changed"] {
                let granted = try await credits("grant", ["--as", "credits", "--credits", "900"])
                #expect(granted.exitCode == 0 && granted.output.contains(answer), "\(granted.output)\(granted.errors)")
            }
            #expect(try await daybook(settings, balance).output.contains("1,900"))
            let verified = try await daybook(settings, ["ledger", "verify"])
            #expect(verified.exitCode == 0, "\(verified.output)")
            let connection = try await Connection.open(settings)
            let month = try await connection.run { session in
                try session.query("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM') AS month")[0].text("month")
            }
            await connection.close()
            let run = try await Self.statement(settings, month)
            let record = try #require(run.records("statement-customer1-\(month)", "service_credits").last)
            #expect(record[2] == "credits" && record[7] == "900" && record[8] == "service-credit-2026-10", "\(record)")
            #expect(try run.summary("statement-customer1-\(month)")["bonus_grants"] == 900)
            #expect(try Self.page(run, month).contains("October 2026 was booked as 900 bonus credits."))
        }
    }
}
