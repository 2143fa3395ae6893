import Foundation
import TestSupport
import Testing

/// Which credit a row moved, where an application's own functions wrote it: they never say `bucket`.
@Suite struct BucketTests {
    private static let owner = "2eae05cf-96d0-4c5f-94c2-8c2e7c26847f"
    private static let batch = "00000000-0000-4000-8000-000000000001"

    @Test func `bonus that an application spent costs nothing, and purchases keep their credit`() async throws {
        try await withSample { settings in
            try await execute(
                """
                INSERT INTO public.users (id, google_id, email) VALUES ('\(Self.batch)', 'x', 'x@example.org');
                INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd, contract_profile)
                SELECT '\(Self.batch)', 'late', 'Late', 'prepaid', currency, 'UTC', retention_days, 0, contract_profile
                FROM daybook.account WHERE user_id = '\(Self.owner)';
                INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)
                SELECT '\(Self.batch)', r.type, r.model, r.credits, r.reference, r.id, r.meta::jsonb, '2026-10-02T00:00:00Z'
                FROM (VALUES
                    ('purchase', NULL, 1000, 'stripe_payment', NULL, '{"usd": "100"}'),
                    ('adjust', NULL, 40, 'admin', NULL, '{"credit_type": "bonus"}'),
                    ('bonus_grant', NULL, 100, 'stripe_payment', NULL, NULL),
                    ('spend', 'sora-2', -20, 'batch_upfront', '\(Self.batch)', '{"use_bonus": true}'),
                    ('spend', 'sora-2', -10, 'bonus_credits', NULL, NULL),
                    ('spend', 'sora-2', -10, 'permanent_credits', NULL, NULL),
                    ('adjust', NULL, -30, 'admin', NULL, '{"credit_type": "bonus"}')
                ) AS r (type, model, credits, reference, id, meta)
                """, in: settings)
            let run = try await StatementRuns(
                settings, ["--month", "2026-10", "--account", "late", "--format", "csv"])
            let entries = try run.records("statement-late-2026-10", "entries").dropFirst()
            #expect(
                entries.map { $0[4] } == ["permanent", "bonus", "bonus", "bonus", "bonus", "permanent", "bonus"])
            // Only the video that purchased credit paid for costs something: 10 credits of 1,000 that cost $100.
            let usage = try run.records("statement-late-2026-10", "usage").dropFirst()
            #expect(usage.map { Array($0.suffix(1)) } == [["1.00"]])
        }
    }
}
