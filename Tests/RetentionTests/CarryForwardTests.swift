import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// The ledger carried forward: what stays the same.
@Suite struct CarryForwardTests {
    private static let months = ["2016-12", "2017-01", "2017-02", "2017-03", "2017-04"]

    /// Runs `retention carry-forward --yes`.
    static func carry(_ purging: Purging, date: [String] = CarriedBooks.date) async throws -> ProgramRun {
        try await purging.retention(["carry-forward", "--yes", "--quiet"] + date + purging.places)
    }

    @Test func `statements, findings and balances after the cut are the same, byte for byte`() async throws {
        try await CarriedBooks.with { purging in
            let before = try await MoneyView(purging, months: Self.months)
            #expect(before.statements.count > 3 * Self.months.count)
            let run = try await Self.carry(purging)
            #expect(run.exitCode == 0, "\(run.errors)")
            let replaced = try await purging.number("SELECT sum(row_count)::text FROM daybook.purge_total")
            let left = try await purging.number(
                "SELECT count(*)::text FROM credit_ledger WHERE created_at < '\(CarriedBooks.cutoff)'")
            #expect(replaced > 1500 && left < replaced / 4, "\(replaced) replaced, \(left) left")
            let after = try await MoneyView(purging, months: Self.months)
            #expect(before == after)
            #expect(after.verified.split(separator: "\n").count == 1, "\(after.verified)")
            // The account whose month begins after the cut in its own zone.
            let two = try await ProgramRun(
                [
                    "report", "statement", "--quiet", "--account", "two", "--month", "2016-11", "--output",
                    purging.folder.file("o"),
                ]
                    + purging.database)
            #expect(two.exitCode == 0, "\(two.errors)")
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `a refund that comes back after the cut finds the lots that it came from`() async throws {
        // The same refund in books that were not carried forward.
        var expected: MoneyView?
        try await CarriedBooks.with { purging in
            try await execute(CarriedBooks.settleStuck(at: "2017-03-29 10:00Z"), in: purging.settings)
            expected = try await MoneyView(purging, months: ["2017-03", "2017-04"])
        }
        try await CarriedBooks.with { purging in
            #expect(try await Self.carry(purging).exitCode == 0)
            let kept = "SELECT count(*)::text FROM credit_ledger WHERE ref_id = '\(CarriedBooks.stuck)'"
            #expect(try await purging.number(kept) == 2)
            try await execute(CarriedBooks.settleStuck(at: "2017-03-29 10:00Z"), in: purging.settings)
            let found = try await MoneyView(purging, months: ["2017-03", "2017-04"])
            #expect(found.balances == expected?.balances)
            #expect(found.verified == expected?.verified)
            let usage = "statement-two-2017-03/usage.csv"
            #expect(found.statements[usage] == expected?.statements[usage] && found.statements[usage] != nil)
            let summary = "statement-two-2017-03/summary.csv"
            #expect(found.statements[summary] == expected?.statements[summary])
            // Settled, the batch goes with the next run, and its figures stay.
            // A run that replaces nothing says where the chain stands, and no more.
            let nothing = try await Self.carry(purging).output
            #expect(nothing.wholeMatch(of: /Head of the chain: [0-9a-f]{64}\n/) != nil, "\(nothing)")
            #expect(try await purging.number(kept) == 4)
        }
    }

    @Test func `carried forward month by month, the books end as if it had been done at once`() async throws {
        let ledger = """
            SELECT user_id, type, credits_delta, ref_type, ref_id, meta ->> 'lot_id', meta ->> 'bucket', meta ->> 'entries',
                created_at
            FROM credit_ledger WHERE created_at < '\(CarriedBooks.cutoff)' ORDER BY 1, 9, 5, 6, 7, 3
            """
        let costs = """
            SELECT user_id, position, bucket, entry_id, credits, cost_usd::text FROM daybook.carried_lot ORDER BY 1, 2
            """
        var expected: [[String]] = []
        try await CarriedBooks.with { purging in
            #expect(try await Self.carry(purging).exitCode == 0)
            expected = [try await purging.lines(ledger), try await purging.lines(costs)]
        }
        try await CarriedBooks.with { purging in
            for month in ["2026-02", "2026-03", "2026-07", "2026-11"] {
                let run = try await Self.carry(purging, date: ["--as-of", "\(month)-05"])
                #expect(run.exitCode == 0, "\(run.errors)")
                let verified = try await purging.retention(["verify"])
                #expect(verified.exitCode == 0, "\(verified.output)")
            }
            #expect(try await purging.lines(costs) == expected[1])
            // A batch that was open at an earlier cut is part of a balance now, and counted with it.
            #expect(try await purging.lines(ledger) == expected[0])
            #expect(try await MoneyView(purging, months: ["2017-01"]).verified.split(separator: "\n").count == 1)
        }
    }

    @Test func `whoever reads in one snapshot sees the whole ledger, and the replacement waits`() async throws {
        try await CarriedBooks.with { purging in
            let sums = "SELECT count(*) || ' ' || sum(credits_delta) AS sums FROM public.credit_ledger"
            let before = try await purging.lines(sums)
            let reader = try await Connection.open(purging.settings)
            // The snapshot is there before the replacement, and the first look at the ledger comes long after it began.
            async let read = reader.transaction(.snapshot) { session in
                try LedgerLock.share(session)
                _ = try session.query("SELECT count(*) FROM public.users")
                _ = try session.query("SELECT pg_sleep(8)::text")
                return try session.query(sums)[0].text("sums")
            }
            let run = try await Self.carry(purging)
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await [read] == before)
            #expect(try await purging.lines(sums) != before)
            await reader.close()
        }
    }

    @Test func `each balance names the digest of the rows it stands for, and the archive has them`() async throws {
        try await CarriedBooks.with { purging in
            let rows = """
                SELECT l::text FROM credit_ledger AS l WHERE created_at < '\(CarriedBooks.cutoff)'
                    AND id NOT IN (SELECT id FROM credit_ledger WHERE ref_type = 'carried_forward') ORDER BY id
                """
            let before = try await purging.lines(rows)
            #expect(try await Self.carry(purging).exitCode == 0)
            let kept = Set(try await purging.lines(rows))
            let manifest = purging.archive + "/run-000001/manifest.json"
            let refused = try await purging.retention(["restore", manifest, "--certificates", purging.certificates])
            #expect(refused.exitCode == 64 && refused.errors.contains("--into"), "\(refused.errors)")
            let restored = try await purging.retention(
                ["restore", manifest, "--into", "old", "--reason", "r", "--certificates", purging.certificates])
            #expect(restored.exitCode == 0, "\(restored.errors)")
            let archived = try await purging.lines("SELECT l::text FROM old_credit_ledger AS l ORDER BY id")
            #expect(archived == before.filter { !kept.contains($0) })
            let wrong = try await purging.lines(
                """
                SELECT b.id FROM credit_ledger AS b CROSS JOIN LATERAL (
                    SELECT encode(sha256(convert_to(string_agg(l::text, E'\\n' ORDER BY l.created_at, l.id), 'UTF8')), 'hex') AS sha256,
                        sum(l.credits_delta) AS credits, count(*) AS entries
                    FROM old_credit_ledger AS l
                    WHERE l.user_id = b.user_id AND to_char(l.created_at AT TIME ZONE 'UTC', 'YYYY-MM') = b.ref_id
                        AND l.meta ->> 'lot_id' IS NOT DISTINCT FROM b.meta ->> 'lot_id'
                ) AS o
                WHERE b.ref_type = 'carried_forward' AND (o.sha256, o.credits, o.entries)
                    IS DISTINCT FROM (b.meta ->> 'sha256', b.credits_delta::bigint, (b.meta ->> 'entries')::bigint)
                """)
            #expect(wrong == [])
        }
    }

    @Test func `what a hold covers stays row by row, and goes when it is released`() async throws {
        try await CarriedBooks.with { purging in
            let batch = try await purging.lines(
                "SELECT ref_id FROM credit_ledger WHERE ref_type = 'batch_refund' AND created_at < '2016-05-01Z' ORDER BY id LIMIT 1"
            )[0]
            for scope in [["--account", "one"], ["--batch", batch]] {
                let held = try await purging.retention(["hold", "add", "--matter", "m", "--requested-by", "r"] + scope)
                #expect(held.exitCode == 0, "\(held.errors)")
            }
            let rows = """
                SELECT md5(string_agg(l::text, ' ' ORDER BY id)) FROM credit_ledger AS l
                WHERE created_at < '\(CarriedBooks.cutoff)' AND (user_id = '\(CarriedBooks.one)' OR ref_id = '\(batch)')
                """
            let before = try await purging.lines(rows)
            #expect(try await Self.carry(purging).exitCode == 0)
            #expect(try await purging.lines(rows) == before)
            for hold in ["1", "2"] {
                #expect(try await purging.retention(["hold", "release", hold, "--reason", "settled"]).exitCode == 0)
            }
            #expect(try await Self.carry(purging).exitCode == 0)
            #expect(try await purging.lines(rows) != before)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            #expect(try await MoneyView(purging, months: ["2017-01"]).verified.split(separator: "\n").count == 1)
        }
    }

    @Test func `months that were closed stay what they were, and the next one is closed after the cut`() async throws {
        try await CarriedBooks.with { purging in
            func close(_ arguments: [String]) async throws -> ProgramRun {
                try await ProgramRun(["close"] + arguments + purging.database)
            }
            for month in ["2016-08", "2016-09", "2016-10", "2016-11", "2016-12"] {
                #expect(try await close(["month", month, "--account", "two", "--quiet"]).exitCode == 0)
            }
            let folder = try ScratchFolder()
            let statement =
                ["report", "statement", "--quiet", "--account", "two", "--output", folder.path, "--month", "2016-09"]
                + purging.database
            try await ProgramRun.expectingSuccess(statement)
            let before = try folder.contents()
            let whole = try await MoneyView(purging, months: ["2017-01"])
            #expect(try await Self.carry(purging).exitCode == 0)
            try await ProgramRun.expectingSuccess(statement)
            #expect(try folder.contents() == before)
            let refused = try await close(["diff", "2016-09", "--account", "two"])
            #expect(refused.exitCode == 64 && refused.errors.contains("carried forward"), "\(refused.errors)")
            let unchanged = try await close(["diff", "2016-12", "--account", "two"])
            #expect(unchanged.exitCode == 0, "\(unchanged.output)\(unchanged.errors)")
            #expect(try await MoneyView(purging, months: ["2017-01"]) == whole)
            #expect(try await close(["month", "2017-01", "--account", "two", "--quiet"]).exitCode == 0)
            #expect(try await close(["diff", "2017-01", "--account", "two"]).exitCode == 0)
            let listed = try await close(["list"])
            #expect(listed.exitCode == 0, "\(listed.output)")
        }
    }
}
