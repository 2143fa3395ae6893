import Foundation
import Postgres
import TestSupport
import Testing

/// `daybook exposure` on a deployment without an engine.
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
}
