import Foundation
import Postgres
import TestSupport
import Testing

/// A month that is approved: what was looked at is signed, closed and sent, once.
@Suite struct MonthApprovalTests {
    private static let from = ["--from", "finance@example.org"]
    private static let accepted = ["--accept", "customer0", "--accept", "customer5", "--reason", "looked at"]

    private static let handed = """
        SELECT a.slug, d.report, count(*) FILTER (WHERE o.outcome = 'handed_over') FROM daybook.statement_delivery AS d
        JOIN daybook.account AS a ON a.user_id = d.user_id
        LEFT JOIN daybook.statement_delivery_outcome AS o ON (o.user_id, o.month, o.sequence) = (d.user_id, d.month, d.sequence)
        GROUP BY a.slug, d.report ORDER BY a.slug, d.report
        """

    @Test func `before a month is final, and before it was run since, it is not approved`() async throws {
        try await MonthBooks.with { place in
            let now = try await place.lines("SELECT to_char(now(), 'YYYY-MM')")[0]
            let early = try await place.month(["approve", now] + Self.from)
            #expect(early.exitCode == 75 && early.errors.contains("is not final before"), "\(early.errors)")
            let unseen = try await place.month(["approve", "2026-10"] + Self.from)
            #expect(unseen.exitCode == 75 && unseen.errors.contains("run it and look at its index.html"))
            #expect(try await place.lines("SELECT count(*) FROM daybook.month_close") == ["0"])
        }
    }

    @Test func `what has changed since it was looked at is neither closed nor sent`() async throws {
        try await MonthBooks.with { place in
            #expect(try await place.month(["run", "2026-10"]).exitCode == 2)
            try await execute(
                """
                INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id, created_at)
                SELECT user_id, 'adjust', 5, 'ticket', 'T-1', '2026-10-20Z' FROM daybook.account WHERE slug = 'customer1';
                UPDATE public.credit_wallet SET permanent_credits = permanent_credits + 5 WHERE user_id = (
                    SELECT user_id FROM daybook.account WHERE slug = 'customer1')
                """, in: place.settings)
            let other = try await place.month(["approve", "2026-10"] + Self.from)
            #expect(other.exitCode == 75 && other.errors.contains("the statement of customer1 says"), "\(other.errors)")
            #expect(try await place.lines("SELECT count(*) FROM daybook.month_close") == ["0"])
            #expect(try await place.lines(Self.handed).isEmpty)
            #expect(try await place.month(["run", "2026-10"]).exitCode == 2)
            let seen = try await place.month(["approve", "2026-10"] + Self.from)
            #expect(seen.exitCode == 2, "\(seen.errors)")
            #expect(try await place.lines("SELECT count(*) FROM daybook.month_close") == ["1"])
        }
    }

    @Test
    func `an approval leaves behind what is not whole, and a next one closes and sends the rest and nothing twice`()
        async throws
    {
        try await MonthBooks.with { place in
            #expect(try await place.month(["run", "2026-10"]).exitCode == 2)
            let key = place.folder.file("statement.key")
            try await ProgramRun.expectingSuccess(["keys", "statement-init", key])
            let options = ["--key", key, "--author", "Ada"] + Self.from
            let rehearsed = try await place.month(["approve", "2026-10", "--dry-run"] + options)
            #expect(rehearsed.exitCode == 2 && rehearsed.output.contains("would be closed"), "\(rehearsed.errors)")
            #expect(try await place.lines("SELECT count(*) FROM daybook.month_close") == ["0"])

            let first = try await place.month(["approve", "2026-10"] + options)
            #expect(
                first.exitCode == 2 && first.errors.contains("not closed: customer5 is not whole"), "\(first.errors)")
            #expect(
                try await place.lines(Self.handed) == [
                    "customer0|sla|1", "customer1|sla|1", "customer1|statement|1", "customer5|sla|1",
                ])
            let half = try await place.month(["status", "2026-10"])
            #expect(half.exitCode == 2 && half.output.contains("1 of 3"), "\(half.output)")

            let second = try await place.month(["approve", "2026-10"] + options + Self.accepted)
            #expect(second.exitCode == 0, "\(second.errors)")
            #expect(try await place.lines(Self.handed).allSatisfy { $0.hasSuffix("|1") })
            #expect(try await place.lines(Self.handed).count == 6)
            let status = try await place.month(["status", "2026-10"])
            #expect(status.exitCode == 0, "\(status.output)")
            #expect(status.output.matches(of: /Signed and closed +done +Ada \(/).count == 1, "\(status.output)")
            // Signed, and as it was closed.
            let check = try await ProgramRun(
                [
                    "report", "check", place.folder.file("months/month-2026-10/statements/statement-customer1-2026-10"),
                    "--key", key + ".pub",
                ])
            #expect(check.exitCode == 0, "\(check.errors)")
            let page = String(decoding: try #require(place.files()["index.html"]), as: UTF8.self)
            #expect(page.contains("3 of 3") && !page.contains("not whole</span>"))
            // A month that is approved is run again with the same bytes.
            let before = try place.files()
            #expect(try await place.month(["run", "2026-10"]).exitCode == 2)
            #expect(try place.files() == before)
        }
    }

    @Test func `an approval that is killed is gone on with, and sends nothing twice`() async throws {
        try await MonthBooks.with { place in
            #expect(try await place.month(["run", "2026-10"]).exitCode == 2)
            let seed = UInt64.random(in: 0...UInt64.max)
            print("kills of an approval: seed \(seed)")
            var random = SeededRandom(seed: seed)
            for _ in 0..<2 {
                _ = try await place.month(
                    ["approve", "2026-10"] + Self.from + Self.accepted,
                    killAfter: Double.random(in: 2...7, using: &random))
            }
            let last = try await place.month(["approve", "2026-10"] + Self.from + Self.accepted)
            let sent = try await place.lines(Self.handed)
            #expect(sent.count == 6 && sent.allSatisfy { $0.hasSuffix("|1") || $0.hasSuffix("|0") }, "\(sent)")
            // What was cut off between the two records may have gone out, and is left to a person.
            #expect(last.exitCode == (sent.contains { $0.hasSuffix("|0") } ? 2 : 0), "\(last.errors) \(last.output)")
            #expect(try await place.lines("SELECT count(*) FROM daybook.month_close") == ["3"])
        }
    }
}
