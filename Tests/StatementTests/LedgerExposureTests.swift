import Foundation
import Postgres
import TestSupport
import Testing

/// `daybook exposure` and `daybook provider match` on a deployment without an engine.
@Suite struct LedgerExposureTests {
    @Test func `what a deployment has frozen is its application's, with its age, or is named`() async throws {
        try await withSample { settings in
            let run = try await daybook(settings, ["exposure", "--format", "json"])
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any], "\(run.errors)")
            let lines = try #require(document["lines"] as? [[String: Any]])
            #expect(Set(lines.compactMap { $0["state"] as? String }) == ["application", "unexplained"])
            // The freeze of a batch that is not there, as `ledger explain` has it.
            let stray = lines.first { $0["batch"] as? String == "2add8ef1-aa62-4876-9cd1-fdbaa8ebd866" }
            #expect(stray?["credits"] as? Int == 120 && stray?["finding"] as? String == "unexplained")
            #expect(run.exitCode == 2)
            // The same sum by another way, customer by customer.
            let connection = try await Connection.open(settings)
            let rows = try await connection.run { session in
                try session.query(
                    """
                    SELECT l.user_id::text AS user_id, -sum(l.credits_delta)::bigint AS frozen FROM public.credit_ledger AS l
                    LEFT JOIN public.batch_jobs AS b ON b.id::text = l.ref_id AND b.user_id = l.user_id
                    WHERE l.ref_type IN ('batch_upfront', 'batch_refund')
                        AND coalesce(b.settlement_status, 'pending') = 'pending'
                    GROUP BY l.user_id HAVING sum(l.credits_delta) <> 0
                    """)
            }
            await connection.close()
            let expected = try Dictionary(
                uniqueKeysWithValues: rows.map { (try $0.text("user_id"), Int(try $0.int("frozen"))) })
            let customers = try #require(document["customers"] as? [[String: Any]])
            let found = Dictionary(
                customers.map { ($0["user_id"] as? String ?? "", $0["frozen"] as? Int ?? 0) }, uniquingKeysWith: +
            ).filter { $0.value != 0 }
            #expect(found == expected && !expected.isEmpty)
            for customer in customers {
                let states = customer["states"] as? [String: Int] ?? [:]
                #expect(states.values.reduce(0, +) == customer["frozen"] as? Int, "\(customer)")
            }
            let one = try await daybook(settings, ["exposure", "--account", "customer8", "--format", "csv"])
            #expect([0, 2].contains(one.exitCode))
            #expect(try await daybook(settings, ["exposure", "--account", "nobody"]).exitCode == 64)
        }
    }

    @Test func `every line of a month's bill has one class, and the dollars are the file's`() async throws {
        try await withSample { settings in
            // What the provider would bill for a month in which it bills what it rendered and what it did not.
            let connection = try await Connection.open(settings)
            let rows = try await connection.run { session in
                try session.executeScript("UPDATE public.video_tasks SET grsai_task_id = 'g-' || id")
                return try session.query(
                    """
                    SELECT t.grsai_task_id AS id, t.model, t.status FROM public.video_tasks AS t
                    WHERE t.completed_at >= '2026-10-01Z' AND t.completed_at < '2026-10-03Z' ORDER BY t.id
                    """)
            }
            await connection.close()
            let lines = try rows.map { "\(try $0.text("id")),\(try $0.text("model")),0.123457" }
            #expect(lines.count > 20)
            let folder = try ScratchFolder()
            let file = try folder.write(
                "provider_task_id,model,usd\n" + lines.joined(separator: "\n") + "\n", to: "bill.csv")
            let run = try await daybook(
                settings, ["provider", "match", file, "--month", "2026-10", "--format", "json"])
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any], "\(run.errors)")
            let classes = try #require(document["classes"] as? [[String: Any]])
            func count(_ name: String) -> Int {
                classes.first { $0["class"] as? String == name }?["rows"] as? Int ?? -1
            }
            let micros = lines.count * 123_457
            let text = "\(micros / 1_000_000).\(String(format: "%06d", micros % 1_000_000))"
            let total = classes.first { $0["class"] as? String == "total" }?["usd"] as? String ?? ""
            #expect(text.hasPrefix(total), "\(total) and \(text)")
            #expect(count("agreed") > 0 && count("refunded_but_rendered") > 0 && count("not_billed") > 0)
            #expect(count("billed_unknown_id") == 0 && count("charged_twice") == 0 && count("model_differs") == 0)
            // Nothing that failed is agreed.
            let matched = try #require(document["rows"] as? [[String: Any]])
            #expect(
                matched.allSatisfy { row in
                    row["class"] as? String != "agreed" || row["status"] as? String == "succeeded"
                })
        }
    }

    @Test func `a deployment that does not keep the provider's ids is told so`() async throws {
        try await withSample { settings in
            try await execute("ALTER TABLE public.video_tasks DROP COLUMN grsai_task_id", in: settings)
            let folder = try ScratchFolder()
            let file = try folder.write("provider_task_id,model,usd\n", to: "bill.csv")
            let run = try await daybook(settings, ["provider", "match", file, "--month", "2026-10"])
            #expect(run.exitCode == 78 && run.errors.contains("grsai_task_id"), "\(run.errors)")
        }
    }
}
