import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// What a task is that names no model: the default one of its owner's contract profile in the month of the task.
@Suite struct DefaultModelTests {
    private static let five = "1200339d-0687-49fa-9d1d-e2a05d158a2f"
    private static let batches = [
        "2026-09": "00000000-0000-4000-8000-000000000009", "2026-10": "00000000-0000-4000-8000-000000000010",
    ]

    /// A settled batch of a month: one task without a model, delivered, and a freeze row that names a model.
    private static func batch(_ month: String, freeze model: String) -> String {
        """
        INSERT INTO public.batch_jobs (id, user_id, status, total_count, success_count, failed_count, cost_per_video,
            frozen_credits, credits_spent, settlement_status, created_at, updated_at, completed_at)
        VALUES ('\(batches[month] ?? "")', '\(five)', 'completed', 1, 1, 0, 10, 10, 10, 'finalized',
            '\(month)-12T10:00:00Z', '\(month)-12T10:05:00Z', '\(month)-12T10:05:00Z');
        INSERT INTO public.video_tasks (id, user_id, prompt, model, status, created_at, updated_at, completed_at,
            batch_job_id, batch_index)
        VALUES (gen_random_uuid(), '\(five)', 'a lake', NULL, 'succeeded', '\(month)-12T10:00:00Z', '\(month)-12T10:04:00Z',
            '\(month)-12T10:04:00Z', '\(batches[month] ?? "")', 0);
        INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, created_at)
        VALUES ('\(five)', 'spend', '\(model)', -10, 'batch_upfront', '\(batches[month] ?? "")',
            '\(month)-12T10:00:00Z');
        """
    }

    @Test func `a task without a model is of the default model of its month's profile, everywhere`() async throws {
        try await withSample { settings in
            let scratch = try ScratchFolder()
            let shown = try await daybook(settings, ["profiles", "show", "standard"])
            let path = scratch.file("other.json")
            try shown.output.replacing("\"name\": \"standard\"", with: "\"name\": \"other\"")
                .replacing("\"time_zone\"", with: "\"default_model\": \"veo-pro\", \"time_zone\"")
                .write(toFile: path, atomically: true, encoding: .utf8)
            let imported = try await daybook(settings, ["profiles", "import", path])
            #expect(imported.exitCode == 0, "\(imported.errors)")
            let arguments = ["--account", "customer5", "--format", "csv", "--month"]
            func items(_ month: String) async throws -> [String: Int] {
                let usage = try await StatementRuns(settings, arguments + [month])
                    .records("statement-customer5-\(month)", "usage").dropFirst()
                return Dictionary(
                    uniqueKeysWithValues: usage.filter { $0[0] == "batch" }.map { ($0[1], Int($0[3]) ?? 0) })
            }
            let before = [try await items("2026-09"), try await items("2026-10")]
            try await execute(
                TermsTests.terms("customer5", from: "2026-10", "contract_profile = 'other'")
                    + ";" + Self.batch("2026-09", freeze: "sora-2") + Self.batch("2026-10", freeze: "sora-2"),
                in: settings)
            for (month, model, before) in [("2026-09", "sora-2", before[0]), ("2026-10", "veo-pro", before[1])] {
                #expect(try await items(month) == before.merging([model: 1], uniquingKeysWith: +), "\(month)")
                let explained = try await daybook(settings, ["ledger", "explain", Self.batches[month] ?? ""])
                #expect(explained.output.contains(model), "\(explained.output) \(explained.errors)")
            }
            let found = try await daybook(settings, ["ledger", "verify", "--format", "csv"])
            let named = try StatementRuns.records(scratch.write(found.output, to: "found.csv"))
                .filter { $0[0] == "ledger_model_disagrees" }.map { $0[1] }
            #expect(!named.contains(Self.batches["2026-09"] ?? ""))
            #expect(named.contains(Self.batches["2026-10"] ?? ""))
        }
    }
}
