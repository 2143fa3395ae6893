import Foundation
import Postgres
import TestSupport
import Testing

/// The life of a service credit by the real program: offered by a final month, asked for, granted or declined.
@Suite struct ServiceCreditStepTests {
    private static let october = ["--month", "2026-10"]
    private static let offers = "SELECT count(*) FROM daybook.service_credit"
    private static let events = """
        SELECT a.slug, e.event, coalesce(e.form, ''), coalesce(round(e.amount_usd, 2)::text, '')
        FROM daybook.service_credit_event AS e JOIN daybook.account AS a ON a.user_id = e.user_id
        ORDER BY a.slug, e.month, e.sequence
        """

    private static func credits(
        _ place: MonthBooks.Place, _ command: String, _ account: String? = nil, month: String = "2026-10",
        _ more: [String] = []
    ) async throws -> ProgramRun {
        try await place.daybook(
            ["sla", "credits", command, "--month", month] + (account.map { ["--account", $0] } ?? []) + more)
    }

    private static func ask(_ place: MonthBooks.Place, _ account: String, _ reference: String) async throws {
        let run = try await credits(
            place, "request", account, ["--reference", reference, "--at", "2026-11-05T12:00:00Z"])
        #expect(run.exitCode == 0, "\(run.errors)")
    }

    @Test func `offers are recorded once, of a final month alone, and a trial records none`() async throws {
        try await MonthBooks.with { place in
            #expect(try await place.daybook(["sla", "credits", "list"]).output.contains("No service credit"))
            let trial = try await Self.credits(place, "offer", nil, ["--dry-run"])
            #expect(trial.exitCode == 0 && trial.output.contains("would be offered"), "\(trial.errors)")
            #expect(try await place.lines(Self.offers) == ["0"])
            let first = try await Self.credits(place, "offer")
            #expect(first.exitCode == 0, "\(first.errors)")
            let recorded = try await place.lines(
                """
                SELECT a.slug, round(c.credit_usd, 2), round(c.tier_percent, 2), c.is_least,
                    c.request_until = c.period_end + interval '30 days', length(c.report_sha256)
                FROM daybook.service_credit AS c JOIN daybook.account AS a ON a.user_id = c.user_id ORDER BY a.slug
                """)
            #expect(
                recorded == [
                    "customer0|75.00|5.00|f|t|64", "customer1|125.00|5.00|f|t|64", "customer5|45.00|5.00|f|t|64",
                ])
            let again = try await Self.credits(place, "offer")
            #expect(again.exitCode == 0 && again.output.contains("offered before"), "\(again.output)")
            #expect(try await place.lines(Self.offers) == ["3"])
            let now = try await place.lines("SELECT to_char(now(), 'YYYY-MM')")[0]
            let early = try await Self.credits(place, "offer", month: now)
            #expect(early.exitCode == 75 && early.errors.contains("is not final before"), "\(early.errors)")
        }
    }

    @Test func `what a report says differently later is named, and what was offered stays`() async throws {
        try await MonthBooks.with { place in
            #expect(try await Self.credits(place, "offer").exitCode == 0)
            // An hour of every monitor's failures more.
            try await execute(
                """
                UPDATE daybook.probe SET ok = false
                WHERE probed_at >= '2026-10-20T10:00Z' AND probed_at < '2026-10-20T20:00Z'
                """, in: place.settings)
            let other = try await Self.credits(place, "offer")
            #expect(other.exitCode == 2, "\(other.output)\(other.errors)")
            #expect(other.output.contains("stays as it was offered: 125.00 USD"), "\(other.output)")
            #expect(try await place.lines("SELECT sum(credit_usd)::bigint FROM daybook.service_credit") == ["245"])
        }
    }

    @Test func `a credit is asked for, then granted or declined, each once`() async throws {
        try await MonthBooks.with { place in
            let nothing = try await Self.credits(place, "request", "customer1", ["--reference", "m"])
            #expect(nothing.exitCode == 65 && nothing.errors.contains("was offered no service credit"))
            #expect(try await Self.credits(place, "offer").exitCode == 0)
            let early = try await Self.credits(place, "grant", "customer1", ["--as", "fee"])
            #expect(early.exitCode == 65 && early.errors.contains("was not asked for"), "\(early.errors)")
            try await Self.ask(place, "customer1", "mail 7")
            try await Self.ask(place, "customer1", "mail 7")
            let other = try await Self.credits(place, "request", "customer1", ["--reference", "mail 8"])
            #expect(other.exitCode == 65 && other.errors.contains("as \"mail 7\""), "\(other.errors)")
            let future = try await Self.credits(
                place, "request", "customer0", ["--reference", "m", "--at", "2199-01-01", "--late-because", "x"])
            #expect(future.exitCode == 65 && future.errors.contains("yet to come"), "\(future.errors)")

            let more = try await Self.credits(place, "grant", "customer1", ["--as", "fee", "--usd", "125.01"])
            #expect(more.exitCode == 65 && more.errors.contains("is 125.00 USD"), "\(more.errors)")
            let trial = try await Self.credits(place, "grant", "customer1", ["--as", "fee", "--dry-run"])
            #expect(trial.exitCode == 0 && trial.output.contains("Nothing was recorded"), "\(trial.errors)")
            #expect(try await place.lines(Self.events) == ["customer1|requested||"])
            let granted = try await Self.credits(place, "grant", "customer1", ["--as", "fee", "--author", "Ada"])
            #expect(granted.exitCode == 0 && granted.output.contains("125.00 USD come off"), "\(granted.errors)")
            let again = try await Self.credits(place, "grant", "customer1", ["--as", "fee"])
            #expect(again.exitCode == 0 && again.output.contains("Nothing changed"), "\(again.output)")
            let less = try await Self.credits(place, "grant", "customer1", ["--as", "fee", "--usd", "20"])
            #expect(less.exitCode == 65 && less.errors.contains("granted before, 125.00 USD"), "\(less.errors)")
            let late = try await Self.credits(place, "decline", "customer1", ["--reason", "no"])
            #expect(late.exitCode == 65 && late.errors.contains("was granted before"))

            try await Self.ask(place, "customer5", "ticket 9")
            #expect(try await Self.credits(place, "decline", "customer5", ["--reason", " "]).exitCode == 64)
            let declined = try await Self.credits(place, "decline", "customer5", ["--reason", "announced in time"])
            #expect(declined.exitCode == 0, "\(declined.errors)")
            #expect(
                try await place.lines(Self.events) == [
                    "customer1|requested||", "customer1|granted|fee|125.00", "customer5|requested||",
                    "customer5|declined||",
                ])
            let list = try await Self.credits(place, "list", nil, ["--format", "csv"])
            #expect(
                list.output.contains("customer1,2026-10,granted,125.00")
                    && list.output.contains("customer5,2026-10,declined,45.00"), "\(list.output)")
            let one = try await Self.credits(place, "list", "customer1", ["--format", "json"])
            #expect(one.output.contains("\"author\":\"Ada\"") && !one.output.contains("customer5"), "\(one.output)")
            // Without the batch engine there is nothing to book in, and then nothing is granted.
            try await Self.ask(place, "customer0", "mail 1")
            let booked = try await Self.credits(
                place, "grant", "customer0", ["--as", "credits", "--credits", "100"])
            #expect(booked.exitCode == 78, "\(booked.exitCode) \(booked.errors)")
            #expect(try await place.lines(Self.events).count == 5)
        }
    }

    @Test func `a late request needs a reason, and an offer that nobody asked for lapses`() async throws {
        try await MonthBooks.with { place in
            #expect(try await Self.credits(place, "offer", month: "2026-09").exitCode == 0)
            let list = try await Self.credits(place, "list", month: "2026-09")
            #expect(list.output.matches(of: /lapsed/).count == 3, "\(list.output)")
            let at = ["--reference", "mail", "--at", "2026-11-05"]
            let late = try await Self.credits(place, "request", "customer5", month: "2026-09", at)
            #expect(late.exitCode == 65 && late.errors.contains("--late-because"), "\(late.errors)")
            let taken = try await Self.credits(
                place, "request", "customer5", month: "2026-09", at + ["--late-because", "the letter came late"])
            #expect(taken.exitCode == 0, "\(taken.errors)")
            #expect(try await place.lines(Self.events) == ["customer5|requested||"])
        }
    }

    @Test func `of two grants at once one is recorded, and the same one twice is one answer`() async throws {
        try await MonthBooks.with { place in
            #expect(try await Self.credits(place, "offer").exitCode == 0)
            for account in ["customer0", "customer1"] { try await Self.ask(place, account, "mail") }
            func grant(_ account: String, _ usd: String) async throws -> ProgramRun {
                try await ProgramRun(
                    [
                        "sla", "credits", "grant", "--month", "2026-10", "--account", account, "--as", "fee", "--usd",
                        usd, "--database", Deployment.conninfo(place.settings),
                    ], atOnce: true)
            }
            async let (first, second) = (grant("customer0", "10"), grant("customer0", "11"))
            let other = try await [first, second].map(\.exitCode).sorted()
            #expect(other == [0, 65])
            async let (third, fourth) = (grant("customer1", "12"), grant("customer1", "12"))
            let same = try await [third, fourth].map(\.exitCode)
            #expect(same == [0, 0])
            #expect(try await place.lines(Self.events + " LIMIT 9").count == 4)
        }
    }

    @Test func `an approval offers before it sends, and letter, page and status say so`() async throws {
        try await MonthBooks.with { place in
            let waiting = try await place.month(["status", "2026-10"])
            #expect(waiting.output.contains("not offered yet"), "\(waiting.output)")
            #expect(try await place.month(["run", "2026-10"]).exitCode == 2)
            let looked = String(decoding: try place.files()["index.html"] ?? Data(), as: UTF8.self)
            #expect(looked.contains(/[0-9.]+ to offer to 3 customers/))
            let options = [
                "--from", "finance@example.org", "--accept", "customer0", "--accept", "customer5", "--reason", "seen",
            ]
            let trial = try await place.month(["approve", "2026-10", "--dry-run"] + options)
            #expect(trial.output.contains("would be offered"), "\(trial.errors)")
            #expect(try await place.lines(Self.offers) == ["0"])
            let approved = try await place.month(["approve", "2026-10", "--author", "Ada"] + options)
            #expect(approved.exitCode == 0, "\(approved.errors)")
            #expect(try await place.lines(Self.offers) == ["3"])
            // The digest is that of what was looked at and sent.
            #expect(
                try await place.lines(
                    """
                    SELECT count(*) FROM daybook.service_credit AS c JOIN daybook.month_report AS r
                    ON (r.user_id, r.month, r.sha256, r.report) = (c.user_id, c.month, c.report_sha256, 'sla')
                    """) == ["3"])
            let letter = try Self.letter(place.folder.file("months/month-2026-10/outbox/sla-customer1-2026-10.eml"))
            #expect(letter.contains("eligible for a service credit of 125.00 USD (5.0000 % of the monthly fee)"))
            #expect(letter.contains("on request until 2026-11-30T23:00:00"), "\(letter)")
            try await Self.ask(place, "customer1", "mail")
            let status = try await place.month(["status", "2026-10"])
            let line = status.output.matches(of: /Service credits offered +done +Ada \(.*3 offered: 1 asked for/)
            #expect(status.exitCode == 0 && line.count == 1, "\(status.output)")
            #expect(try await place.month(["run", "2026-10"]).exitCode == 2)
            let page = String(decoding: try #require(place.files()["index.html"]), as: UTF8.self)
            #expect(page.contains("3 offered: 1 asked for"))
            // Once is enough: nothing is offered or recorded again.
            #expect(try await place.month(["approve", "2026-10"] + options).exitCode == 0)
            #expect(
                try await place.lines("SELECT count(*) FROM daybook.month_step WHERE step = 'credits'") == ["1"])
        }
    }

    /// The text of a message that was written to a file.
    private static func letter(_ path: String) throws -> String {
        let message = try String(contentsOfFile: path, encoding: .utf8).replacing("\r\n", with: "\n")
        let body = try #require(
            message.firstMatch(of: /text\/plain[^\n]*\n[^\n]*base64\n\n(?<text>[A-Za-z0-9+\/=\n]+)/))
        let bytes = try #require(Data(base64Encoded: String(body.text.filter { $0 != "\n" })))
        return String(decoding: bytes, as: UTF8.self)
    }
}
