import Foundation
import Postgres
import TestSupport
import Testing

/// `daybook ledger receipt` on databases without an engine: as far as the ledger tells.
@Suite struct LedgerReceiptTests {
    private func receipt(
        _ batch: String, _ settings: ConnectionSettings
    ) async throws -> (run: ProgramRun, document: [String: Any]) {
        let run = try await daybook(settings, ["ledger", "receipt", batch])
        let document = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any] ?? [:]
        return (run, document)
    }

    @Test func `a deployment's batch has the lots that explain it, and the same bytes again`() async throws {
        try await withSample { settings in
            let id = "0c7b512f-7337-4718-9033-21add42157ef"
            let (run, document) = try await receipt(id, settings)
            #expect(run.exitCode == 0, "\(run.errors)\(run.output)")
            #expect(document["conserved"] as? Bool == true && document["settled"] as? Bool == true)
            #expect(document["lots_from"] as? String == "ledger" && document["owner"] as? String == "app")
            #expect(
                document["credits"] as? [String: Int]
                    == ["frozen": 3000, "charged": 2750, "refunded": 250, "held": 0])
            let lot = try #require((document["lots"] as? [[String: Any]])?.first)
            #expect(lot["opened_by"] as? String == "9007199254740499", "\(run.output)")
            #expect(run.output.contains("57.142857"))
            // Rows of others, and of the same customer for something else, change nothing.
            try await execute(
                """
                INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id, created_at)
                SELECT user_id, 'purchase', 100, 'stripe_payment', 'later', now() FROM public.batch_jobs WHERE id = '\(id)'
                """, in: settings)
            #expect(try await receipt(id.uppercased(), settings).run.output == run.output)
        }
    }

    @Test func `every batch of the sample has a receipt, and those with a defect of their money say so`() async throws {
        try await withSample { settings in
            let verified = try await daybook(settings, ["ledger", "verify", "--format", "csv"])
            let scratch = try ScratchFolder()
            let findings = try StatementRuns.records(try scratch.write(verified.output, to: "found.csv")).dropFirst()
            // What a finding says about the credit of a batch that is over, its receipt must not call conserved.
            let words = ["charge_differs", "delivered_unpaid", "double_refund", "missing_refund", "over_refund"]
            let broken = findings.filter { words.contains($0[0]) || $0[0] == "short_refund" }.map { $0[1] }
            #expect(!broken.isEmpty)
            for id in Set(broken).sorted() {
                let (run, document) = try await receipt(id, settings)
                #expect(run.exitCode == 2 && document["conserved"] as? Bool == false, "\(id): \(run.output)")
            }
        }
    }

    @Test func `what is no batch is refused, and nothing is written`() async throws {
        try await withSample { settings in
            let scratch = try ScratchFolder()
            for reference in ["no-such-thing", "9007199254740499", UUID().uuidString] {
                let run = try await daybook(
                    settings, ["ledger", "receipt", reference, "--output", scratch.file("receipt.json")])
                #expect(run.exitCode == 64 && run.errors.contains("No batch is called"), "\(run.errors)")
            }
            #expect(!FileManager.default.fileExists(atPath: scratch.file("receipt.json")))
        }
    }
}
