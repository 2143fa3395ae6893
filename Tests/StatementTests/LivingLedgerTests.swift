import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// Ledgers as applications really write them: single videos, batches that nobody wrote the settlement of, prices that
/// are told later, accounts that are renamed.
@Suite struct LivingLedgerTests {
    private static let user = "00000000-0000-0000-0000-0000000000aa"
    private static let other = "00000000-0000-0000-0000-0000000000bb"
    private static let batch = "00000000-0000-0000-0000-0000000000b1"

    private static func entry(
        _ id: Int, _ type: String, _ credits: Int, _ reference: String, _ referenceID: String?, at instant: String,
        model: String = "", meta: String = "{}"
    ) -> String {
        """
        INSERT INTO public.credit_ledger (id, user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)
        OVERRIDING SYSTEM VALUE
        VALUES (\(id), '\(user)', '\(type)', nullif('\(model)', ''), \(credits), '\(reference)',
            \(referenceID.map { "'\($0)'" } ?? "NULL"), '\(meta)', '\(instant)');

        """
    }

    private static func accounts(
        _ scratch: ScratchFolder, _ slugs: [String: String], plan: String = "prepaid"
    )
        throws -> String
    {
        let rows = slugs.sorted { $0.key < $1.key }.map { "\($0.key),\($0.value),Name,\(plan),USD,UTC,90,0,\n" }
        return try scratch.write(
            "user_id,slug,name,plan,currency,timezone,retention_days,monthly_fee_usd,legal_hold\n" + rows.joined(),
            to: "accounts.csv")
    }

    private static func with(
        _ script: String, plan: String = "prepaid",
        _ body: @Sendable (ConnectionSettings, ScratchFolder) async throws -> Void
    ) async throws {
        let scratch = try ScratchFolder()
        try await withDatabase { settings in
            _ = try await must(settings, ["database", "migrate"])
            try await execute(
                "INSERT INTO public.users (id, email) VALUES ('\(user)', 'a@example.com'), ('\(other)', 'b@example.com');"
                    + script, in: settings)
            _ = try await must(
                settings, ["accounts", "import", try accounts(scratch, [user: "one", other: "two"], plan: plan)])
            try await body(settings, scratch)
        }
    }

    private static func must(_ settings: ConnectionSettings, _ arguments: [String]) async throws -> ProgramRun {
        let run =
            arguments.prefix(2) == ["close", "month"]
            ? try await closing(settings, Array(arguments.dropFirst(2))) : try await daybook(settings, arguments)
        #expect(run.exitCode == 0, "\(arguments): \(run.errors)")
        return run
    }

    private static func statement(
        _ settings: ConnectionSettings, _ month: String, slug: String = "one"
    ) async throws -> StatementRuns {
        try await StatementRuns(settings, ["--month", month, "--account", slug, "--format", "csv"])
    }

    private static let singles =
        entry(1, "purchase", 1000, "stripe_payment", "p", at: "2026-08-01T00:00:00Z", meta: #"{"usd": 50}"#)
        + entry(2, "spend", -10, "permanent_credits", "v1", at: "2026-09-03T00:00:00Z", model: "sora-2")
        + entry(3, "spend", -10, "permanent_credits", nil, at: "2026-09-04T00:00:00Z", model: "sora-2")
        + entry(4, "spend", -250, "video_task", "v2", at: "2026-09-05T00:00:00Z", model: "veo-pro")
        + entry(5, "refund", 250, "video_refund", "v2", at: "2026-09-06T00:00:00Z")
        + entry(6, "refund", 10, "video_refund", "v1", at: "2026-10-02T00:00:00Z")

    @Test func `single videos have a line and a row of their own, and everybody agrees that the books are whole`()
        async throws
    {
        try await Self.with(
            Self.singles + "INSERT INTO public.credit_wallet (user_id, permanent_credits) VALUES ('\(Self.user)', 990)"
        ) { settings, _ in
            let september = try await Self.statement(settings, "2026-09")
            let summary = try september.summary("statement-one-2026-09")
            #expect(summary["single_videos"] == 20 && summary["unreconciled"] == 0 && summary["spent"] == -270)
            #expect(
                try september.records("statement-one-2026-09", "usage").dropFirst() == [
                    ["single", "sora-2", "0", "2", "2", "0", "20", "0", "20", "", "1.00"],
                    ["single", "veo-pro", "0", "1", "0", "1", "250", "250", "0", "", "0.00"],
                ])
            let october = try await Self.statement(settings, "2026-10")
            #expect(try october.summary("statement-one-2026-10")["single_videos"] == -10)
            #expect(try october.summary("statement-one-2026-10")["unreconciled"] == 0)
            #expect(
                try october.records("statement-one-2026-10", "usage").dropFirst() == [
                    ["single", "sora-2", "0", "0", "-1", "1", "0", "10", "-10", "", "-0.50"]
                ])
            _ = try await Self.must(settings, ["ledger", "verify"])
            try await ProgramRun.expectingSuccess(["report", "check", october.folder.file("statement-one-2026-10")])
            let explained = try await Self.must(settings, ["ledger", "explain", "v2"])
            #expect(explained.output.contains("Where the credits of the single video came from"))
            #expect(explained.output.contains("veo-pro"))
            try await execute(
                Self.entry(7, "refund", 5, "video_refund", "nothing", at: "2026-10-03T00:00:00Z"), in: settings)
            let broken = try await daybook(settings, ["ledger", "verify", "--format", "csv"])
            #expect(broken.output.contains("refund_without_charge,nothing,5"), "\(broken.output)")
            let after = try await Self.statement(settings, "2026-10").summary("statement-one-2026-10")
            #expect(after["unreconciled"] == -5)
        }
    }

    private static let settled =
        entry(1, "purchase", 1000, "stripe_payment", "p", at: "2026-08-01T00:00:00Z", meta: #"{"usd": 50}"#)
            + """
            INSERT INTO public.batch_jobs (id, user_id, status, total_count, success_count, failed_count, cost_per_video,
                frozen_credits, credits_spent, settlement_status, created_at, updated_at)
            VALUES ('\(batch)', '\(user)', 'completed', 5, 5, 0, 10, 50, 50, 'finalized', '2026-10-05Z', '2026-10-05T01:00:00Z');
            INSERT INTO public.video_tasks (id, user_id, model, prompt, status, batch_job_id, batch_index, created_at, updated_at)
            SELECT gen_random_uuid(), '\(user)', CASE WHEN n < 3 THEN 'veo-flash' ELSE 'sora-2' END, 'p', 'succeeded', '\(batch)', n,
                '2026-10-05Z', '2026-10-05T00:30:00Z' FROM generate_series(0, 4) AS n;

            """ + entry(2, "spend", -50, "batch_upfront", batch, at: "2026-10-05T00:00:01Z", model: "sora-2")

    @Test func `a harmless update of a batch in November moves nothing of October`() async throws {
        try await Self.with(Self.settled) { settings, _ in
            func figures() async throws -> ([String: Int64], [[String]]) {
                let run = try await Self.statement(settings, "2026-10")
                return (
                    try run.summary("statement-one-2026-10"), try run.records("statement-one-2026-10", "batches")
                )
            }
            let before = try await figures()
            #expect(before.0["delivered"] == 50 && before.0["unreconciled"] == 0)
            #expect(before.1[1][3] == "2026-10-05T00:30:00.000000+00:00")
            try await execute("UPDATE public.batch_jobs SET updated_at = '2026-11-12Z'", in: settings)
            #expect(try await figures() == before)
            // Once a month was closed, not even the tasks move it.
            _ = try await Self.must(settings, ["close", "month", "2026-10", "--account", "one", "--quiet"])
            try await execute("UPDATE public.video_tasks SET updated_at = '2026-11-13Z'", in: settings)
            let difference = try await Self.must(settings, ["close", "diff", "2026-10", "--account", "one"])
            #expect(!difference.output.contains("changed_table"), "\(difference.output)")
            let run = try await Self.statement(settings, "2026-11")
            #expect(try run.summary("statement-one-2026-11")["delivered"] == 0)
            let explained = try await Self.must(settings, ["ledger", "explain", Self.batch])
            #expect(explained.output.contains("2026-10-05T00:30:00.000000+00:00, estimated"))
        }
    }

    @Test func `a batch of several models is stated under each of them`() async throws {
        try await Self.with(Self.settled) { settings, _ in
            let run = try await Self.statement(settings, "2026-10")
            #expect(
                try run.records("statement-one-2026-10", "usage").dropFirst() == [
                    ["batch", "sora-2", "1", "2", "2", "0", "20", "0", "20", "", "1.00"],
                    ["batch", "veo-flash", "1", "3", "3", "0", "30", "0", "30", "", "1.50"],
                ])
            let differences = try run.records("statement-one-2026-10", "differences")
            #expect(differences.contains { $0[0] == "settlement_instant_estimated" })
        }
    }

    @Test func `a price is told once, costs follow it, and closed months keep theirs`() async throws {
        let script = Self.settled.replacing(#"{"usd": 50}"#, with: "{}")
        try await Self.with(script) { settings, scratch in
            func tell(_ rows: String) async throws -> ProgramRun {
                let file = try scratch.write("entry_id,usd\n" + rows, to: "prices.csv")
                return try await daybook(settings, ["ledger", "prices", "import", file])
            }
            func amounts() async throws -> [String] {
                try await Self.statement(settings, "2026-10").records("statement-one-2026-10", "usage").dropFirst()
                    .map { $0[10] }
            }
            let atList = try await amounts()
            #expect(atList == ["0.98", "1.47"])
            for (rows, why) in [
                ("2,5\n", "is no purchase"), ("1,-5\n", "is not a price"), ("99,5\n", "there is no ledger entry"),
                ("1,5\n1,5\n", "stands on line 2 too"), ("1,5\n2,5\n", "is no purchase"),
            ] {
                let refused = try await tell(rows)
                #expect(refused.exitCode == 65 && refused.errors.contains(why), "\(rows): \(refused.errors)")
            }
            #expect(try await amounts() == atList)
            #expect(try await tell("1,100.00\n").output.contains("1 rows read, 1 added"))
            #expect(try await amounts() == ["2.00", "3.00"])
            #expect(try await tell("1,100\n").output.contains("0 added, 1 already there"))
            #expect(try await tell("1,101\n").errors.contains("cost 100.00 USD already"))
            #expect(try await Self.must(settings, ["ledger", "explain", "1"]).output.contains("100.00"))
            try await execute("DELETE FROM daybook.ledger_price", in: settings)
            _ = try await Self.must(settings, ["close", "month", "2026-10", "--account", "one", "--quiet"])
            let stated = try await tell("1,100\n")
            #expect(stated.exitCode == 65 && stated.errors.contains("closed 2026-10"), "\(stated.errors)")
        }
    }

    @Test func `a late row changes the draws of no closed month, and explain says so beside today's`() async throws {
        let early = Self.entry(
            9, "purchase", 1000, "stripe_payment", "q", at: "2026-07-01T00:00:00Z", meta: #"{"usd": 10}"#)
        try await Self.with(Self.settled) { settings, _ in
            _ = try await Self.must(settings, ["close", "month", "2026-10", "--account", "one", "--quiet"])
            try await execute(early, in: settings)
            let explained = try await Self.must(settings, ["ledger", "explain", Self.batch])
            #expect(explained.output.contains("closed 2026-10"))
            #expect(explained.output.contains("as the closed months state it"))
            #expect(explained.output.contains("by the ledger of today"))
            #expect(explained.output.contains("2.50") && explained.output.contains("0.50"))
            let next = try await Self.statement(settings, "2026-11")
            #expect(try next.summary("statement-one-2026-11")["purchases"] == 1000)
        }
    }

    @Test func `a late purchase is drawn after what was stated, also once the month that shows it is closed`()
        async throws
    {
        let script =
            Self.entry(1, "purchase", 1000, "stripe_payment", "p", at: "2026-08-01T00:00:00Z", meta: #"{"usd": 50}"#)
            + Self.entry(2, "spend", -50, "video_task", "v1", at: "2026-08-05T00:00:00Z", model: "sora-2")
            + Self.entry(3, "spend", -10, "video_task", "v2", at: "2026-10-05T00:00:00Z", model: "sora-2")
        try await Self.with(script) { settings, _ in
            func close(_ month: String) async throws {
                _ = try await Self.must(settings, ["close", "month", month, "--account", "one", "--quiet"])
            }
            try await close("2026-08")
            try await execute(
                Self.entry(
                    9, "purchase", 1000, "stripe_payment", "q", at: "2026-07-01T00:00:00Z", meta: #"{"usd": 10}"#),
                in: settings)
            try await close("2026-09")
            let difference = try await Self.must(settings, ["close", "diff", "2026-09", "--account", "one"])
            #expect(!difference.output.contains("changed_table"), "\(difference.output)")
            let october = try await Self.statement(settings, "2026-10")
            #expect(try october.records("statement-one-2026-10", "usage").dropFirst().map { $0[10] } == ["0.50"])
        }
    }

    @Test func `what was kept under a slug stays its owner's, and a rename takes it along`() async throws {
        try await Self.with(Self.settled) { settings, scratch in
            func rename(_ slugs: [String: String]) async throws -> ProgramRun {
                try await daybook(settings, ["accounts", "import", try Self.accounts(scratch, slugs)])
            }
            // Nothing is kept yet: two accounts may swap.
            #expect(try await rename([Self.user: "two", Self.other: "one"]).exitCode == 0)
            #expect(try await rename([Self.user: "one", Self.other: "two"]).exitCode == 0)
            _ = try await Self.must(settings, ["close", "month", "2026-10", "--account", "one", "--quiet"])
            let before = try await Self.must(settings, ["close", "list"])
            #expect(try await rename([Self.user: "uno"]).exitCode == 0)
            let taken = try await rename([Self.other: "one"])
            #expect(taken.exitCode == 65, "\(taken.errors)")
            #expect(
                taken.errors.contains("uno") && taken.errors.contains("the closed month 2026-10"), "\(taken.errors)")
            let difference = try await Self.must(settings, ["close", "diff", "2026-10"])
            #expect(!difference.output.contains("changed_table"), "\(difference.output)")
            let all = try await StatementRuns(settings, ["--month", "2026-10", "--all"])
            #expect(try all.folder.contents().keys.contains { $0.hasPrefix("statement-one-2026-10") })
            try await ProgramRun.expectingSuccess(["report", "check", all.folder.file("statement-one-2026-10")])
            let list = try await Self.must(settings, ["close", "list"])
            #expect(list.output.contains("uno") && before.output.contains("one"))
            #expect(try await rename([Self.user: "one"]).exitCode == 0)
        }
    }
}
