import BatchEngine
import Domain
import Formats
import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// The settlement receipt of a batch of the engine: where every credit went that it froze.
@Suite(.timeLimit(.minutes(5))) struct ReceiptTests {
    /// A batch with a task for every way to end: nine of sora-2, paid by a bonus of 25 and two odd purchases, and one
    /// of veo-pro, which no bonus pays for.
    private struct Planted {
        let settings: ConnectionSettings
        let userID: String
        let batchID: String

        init(_ pool: ConnectionPool, _ settings: ConnectionSettings) async throws {
            self.settings = settings
            userID = UUID().uuidString.lowercased()
            let user = userID
            let models = Array(repeating: VideoModel.sora2, count: 9) + [.veoPro]
            try await execute(
                """
                INSERT INTO public.users (id) VALUES ('\(user)');
                SELECT daybook.open_lot('\(user)', 'bonus', 25, 0, daybook.clock() + interval '1 day', 'grant', 'grant',
                    'launch', 'a test', 'a test');
                SELECT daybook.open_lot('\(user)', 'purchased', 47, 1.000001, NULL, 'purchase', 'stripe_payment',
                    'pay-1', NULL, NULL);
                SELECT daybook.open_lot('\(user)', 'purchased', 1000, 33.333333, NULL, 'purchase', 'stripe_payment',
                    'pay-2', NULL, NULL);
                """, in: settings)
            let outcome = try await pool.run {
                try Batches($0, of: user).create(
                    BatchRequest(
                        requestID: "the request", items: models.map { BatchItem(model: $0, prompt: "a paper boat") }),
                    by: nil, from: Sample.origin)
            }
            guard case .created(let batch, _) = outcome else { throw TestSupportError("\(outcome)") }
            batchID = batch.batchID
        }

        /// Ends the tasks of some places, from whatever state, as the engine ends them.
        func end(_ places: ClosedRange<Int>, _ state: String, _ type: String?) async throws {
            let connection = try await Connection.open(settings)
            try await connection.transaction { session in
                try session.execute(
                    """
                    UPDATE daybook.task SET state = 'accepted', provider_task_id = 'p' || batch_index, accepted_at = created_at,
                        deadline_at = created_at + interval '1 hour'
                    WHERE user_id = $1 AND batch_id = $2 AND batch_index BETWEEN $3 AND $4
                    """,
                    [
                        .uuid(userID), .uuid(batchID), .int(Int64(places.lowerBound)), .int(Int64(places.upperBound)),
                    ])
                try session.execute(
                    """
                    SELECT daybook.end_tasks($1, $2, array_agg(task_id), ARRAY['accepted'], array_agg($3::text),
                        array_agg($5::text), array_agg($4::text), array_agg('no'::text), array_agg('https://v'::text))
                    FROM daybook.task WHERE user_id = $1 AND batch_id = $2 AND state = 'accepted'
                    """,
                    [.uuid(userID), .uuid(batchID), .text(state), Value(type), Value(type.map { _ in "error" })])
            }
            await connection.close()
        }

        /// Ends all of them: 3 rendered, 1 refused, 1 not handed over, 1 timed out, 2 unknown, 1 cancelled, and veo-pro.
        func endAll() async throws {
            try await end(0...2, "succeeded", nil)
            try await end(3...3, "failed", "param_error")
            try await end(4...4, "failed", "timeout")
            try await end(5...5, "timed_out", "timeout")
            try await end(6...7, "failed", "unknown")
            try await end(8...8, "cancelled", nil)
            try await end(9...9, "succeeded", nil)
        }

        func receipt() async throws -> (text: String, document: [String: Any], exitCode: Int32) {
            let run = try await ProgramRun(
                ["ledger", "receipt", batchID, "--database", Deployment.conninfo(settings)])
            #expect([0, 2].contains(run.exitCode), "\(run.errors)")
            let document = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any] ?? [:]
            return (run.output, document, run.exitCode)
        }
    }

    private static func numbers(_ document: [String: Any], _ member: String) -> [String: Int] {
        document[member] as? [String: Int] ?? [:]
    }

    private static func lots(_ document: [String: Any]) -> [String] {
        (document["lots"] as? [[String: Any]] ?? []).map { lot in
            let (credits, costs) = (numbers(lot, "credits"), lot["cost_usd"] as? [String: String] ?? [:])
            func parts<Number>(_ all: [String: Number]) -> String {
                ["frozen", "charged", "refunded", "held"].map { all[$0].map { "\($0)" } ?? "?" }.joined(separator: " ")
            }
            return "\(lot["bucket"] ?? "") \(parts(credits)), \(parts(costs)), again \(lot["expired_again"] ?? "")"
        }
    }

    @Test func `a receipt is conserved while tasks are open, and when all have ended`() async throws {
        try await withPool { pool, settings in
            let planted = try await Planted(pool, settings)
            let before = try await planted.receipt()
            #expect(before.exitCode == 0 && before.document["settled"] as? Bool == false, "\(before.text)")
            #expect(
                Self.numbers(before.document, "items")
                    == ["succeeded": 0, "failed": 0, "cancelled": 0, "expired": 0, "unknown": 0, "open": 10])
            #expect(
                Self.numbers(before.document, "credits") == ["frozen": 340, "charged": 0, "refunded": 0, "held": 340])
            try await planted.endAll()
            let after = try await planted.receipt()
            #expect(after.exitCode == 0 && after.document["conserved"] as? Bool == true, "\(after.text)")
            #expect(
                Self.numbers(after.document, "items")
                    == ["succeeded": 4, "failed": 1, "cancelled": 1, "expired": 2, "unknown": 2, "open": 0])
            #expect(
                Self.numbers(after.document, "credits") == ["frozen": 340, "charged": 280, "refunded": 60, "held": 0])
            // sora-2 took 25 of the bonus, 47 of the first purchase and 18 of the second, and gave 60 back from behind.
            #expect(
                Self.lots(after.document) == [
                    "bonus 25 25 0 0, 0.00 0.00 0.00 0.00, again 0",
                    "permanent 47 5 42 0, 1.000001 0.106383 0.893618 0.00, again 0",
                    "permanent 268 250 18 0, 8.933332 8.333333 0.599999 0.00, again 0",
                ], "\(after.text)")
            #expect((after.document["entries"] as? [Any])?.count ?? 0 >= 6)
            #expect(after.document["lots_from"] as? String == "engine")
        }
    }

    @Test func `the bytes of a settled batch's receipt stay, whatever happens around it`() async throws {
        try await withPool { pool, settings in
            let planted = try await Planted(pool, settings)
            try await planted.endAll()
            let first = try await planted.receipt().text
            // Another batch of the same lots, more credit, another name of the account, and the content is erased.
            let user = planted.userID
            _ = try await pool.run {
                try Batches($0, of: user).create(Sample.request("other", items: 5), by: nil, from: Sample.origin)
            }
            try await execute(
                """
                SELECT daybook.open_lot('\(user)', 'purchased', 10, 1, NULL, 'purchase', 'stripe_payment', 'pay-3', NULL, NULL)
                """, in: settings)
            let folder = try ScratchFolder()
            let header = try String(contentsOfFile: Deployment.root + "/sample/accounts.csv", encoding: .utf8)
                .split(whereSeparator: \.isNewline)[0]
            for slug in ["one", "renamed"] {
                let accounts = try folder.write("\(header)\n\(user),\(slug),C,payg,USD,UTC,90,0,\n", to: "accounts.csv")
                try await ProgramRun.expectingSuccess(
                    ["accounts", "import", accounts, "--database", Deployment.conninfo(settings)])
            }
            // What is open keeps the other batch's tasks; what has ended goes.
            let erasure = try await ProgramRun([
                "retention", "erase", "--account", "renamed", "--yes", "--quiet", "--no-archive", "--reason", "asked",
                "--requested-by", "counsel", "--certificates", folder.file("certificates"), "--database",
                Deployment.conninfo(settings),
            ])
            #expect([0, 2].contains(erasure.exitCode), "\(erasure.errors)")
            let prompts = try await Sample.count(
                "SELECT count(*) FROM public.video_tasks WHERE batch_job_id = $1 AND prompt = 'a paper boat'",
                [.uuid(planted.batchID)], in: pool)
            #expect(prompts == 0)
            #expect(try await planted.receipt().text == first)
            // The library gives the same.
            let batch = planted.batchID
            let receipt = try await pool.transaction { try EngineReceipt($0).receipt(of: batch, for: user) }
            #expect(try CanonicalJSON.encode(#require(receipt)) == Array(first.utf8))
        }
    }

    @Test func `credit that comes back to a lot whose time is over is refunded, and expired again`() async throws {
        try await withPool { pool, settings in
            let planted = try await Planted(pool, settings)
            try await execute(
                "UPDATE daybook.lot SET expires_at = daybook.clock() - interval '1 second' WHERE kind = 'bonus'",
                in: settings)
            try await planted.end(0...9, "failed", "model_error")
            let receipt = try await planted.receipt()
            #expect(receipt.exitCode == 0, "\(receipt.text)")
            #expect(Self.lots(receipt.document).first == "bonus 25 0 25 0, 0.00 0.00 0.00 0.00, again 25")
        }
    }

    @Test(arguments: [
        ("UPDATE daybook.draw SET returned = returned - 1 WHERE draw_no = 2", ["lot", "lots"]),
        ("UPDATE daybook.draw SET cost_usd = cost_usd + 0.000001 WHERE draw_no = 2", ["cost"]),
        ("UPDATE daybook.task SET state = 'failed' WHERE batch_index = 0", ["batch", "credits"]),
        ("UPDATE public.batch_jobs SET total_count = 11", ["items"]),
        (
            """
            INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id)
            SELECT user_id, 'refund', 5, 'batch_refund', id::text FROM public.batch_jobs
            """, ["credits", "lots"]
        ),
    ]) func `what does not add up is named with its difference`(plant: String, expected: [String]) async throws {
        try await withPool { pool, settings in
            let planted = try await Planted(pool, settings)
            try await planted.endAll()
            try await execute(plant, in: settings)
            let receipt = try await planted.receipt()
            let differences = receipt.document["differences"] as? [[String: Any]] ?? []
            #expect(receipt.exitCode == 2 && receipt.document["conserved"] as? Bool == false, "\(receipt.text)")
            #expect(Set(differences.compactMap { $0["what"] as? String }) == Set(expected), "\(receipt.text)")
            #expect(differences.allSatisfy { $0["difference"] as? Int ?? 0 != 0 })
        }
    }

    @Test func `an application's batch on an engine's database has the lots that the engine drew from`() async throws {
        try await withPool { pool, settings in
            let user = try await TestCustomer.create(in: settings, purchased: 100, bonus: 15)
            let batch = UUID().uuidString.lowercased()
            try await execute(
                """
                INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, settlement_status)
                VALUES ('\(batch)', '\(user)', 'processing', 3, 10, 'pending');
                INSERT INTO public.video_tasks (user_id, batch_job_id, batch_index, model, prompt, status)
                SELECT '\(user)', '\(batch)', n, 'sora-2', 'p', CASE n WHEN 0 THEN 'failed' ELSE 'succeeded' END
                FROM generate_series(0, 2) AS n;
                SELECT public.freeze_credits_for_batch('\(batch)', '\(user)', 30);
                SELECT public.finalize_batch_credits('\(batch)', '\(user)', 20)
                """, in: settings)
            let run = try await ProgramRun(["ledger", "receipt", batch, "--database", Deployment.conninfo(settings)])
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
            #expect(run.exitCode == 0 && document["owner"] as? String == "app", "\(run.output) \(run.errors)")
            #expect(document["lots_from"] as? String == "engine")
            #expect(Self.numbers(document, "credits") == ["frozen": 30, "charged": 20, "refunded": 10, "held": 0])
            #expect(Self.lots(document).map { $0.prefix(18) } == ["bonus 15 15 0 0, 0", "permanent 15 5 10 "])
        }
    }
}
