import Foundation
import Postgres
import TestSupport
import Testing

/// A month as FOCUS 1.2: it keeps the specification's rules, and its costs are those of the statements.
@Suite struct FocusTests {
    @Test func `seven months of the sample keep every rule, and cost what the statements say`() async throws {
        try await withSample { settings in
            var purchases = 0
            for month in ExportRun.sampleMonths {
                let focus = try await ExportRun("focus", settings, ["--month", month, "--all"])
                let rows = try focus.rows("focus-\(month)")
                let columns = try focus.columns("focus-\(month)")
                #expect(FocusRules.violations(columns: columns, rows: rows) == [], "\(month)")
                #expect(rows.count > 20 && Set(rows.compactMap { $0["InvoiceIssuerName"] }) == [ExportRun.issuer])
                let statements = try await StatementRuns(settings, ["--month", month, "--all", "--format", "csv"])
                for (slug, own) in try focus.totals("focus-\(month)") {
                    let mine = rows.filter { $0["BillingAccountId"] == slug }
                    let isPrepaid = (own["subject"] as? [String: Any])?["plan"] as? String == "prepaid"
                    let name = "statement-\(slug)-\(month)"
                    // By model: what the file says in millionths is what the statement says in cents.
                    var exact: [[String]: Int64] = [:]
                    for row in mine where row["ChargeCategory"] == "Usage" && row["ConsumedQuantity"] != "" {
                        let source = row["x_BatchId"] == "" ? "single" : "batch"
                        exact[[source, row["SkuId"] ?? ""], default: 0] += micros(row["EffectiveCost"])
                        #expect(micros(row["BilledCost"]) == (isPrepaid ? 0 : micros(row["EffectiveCost"])))
                    }
                    var stated: [[String]: Int64] = [:]
                    for line in try statements.records(name, "usage").dropFirst() where micros(line[10]) != 0 {
                        stated[[line[0], line[1]]] = micros(line[10])
                    }
                    let cents = exact.mapValues { ($0 + 5_000) / 10_000 * 10_000 }.filter { $0.value != 0 }
                    #expect(cents == stated, "\(month) \(slug)")
                    #expect(micros(own["statement"]) == stated.values.reduce(0, +))
                    let usage = exact.values.reduce(0, +)
                    #expect(micros(own["effective_cost"]) == usage + micros(own["corrections"]), "\(month) \(slug)")
                    // What was bought is billed at its price.
                    let entries = try statements.records(name, "entries").dropFirst()
                    let bought = entries.filter { $0[2] == "purchase" && $0[7] != "batch_refund" }
                    let own = mine.filter { $0["ChargeCategory"] == "Purchase" }
                    #expect(own.map { $0["x_Credits"] } == (isPrepaid ? bought.map { $0[5] } : []), "\(month) \(slug)")
                    purchases += own.count
                }
            }
            #expect(purchases > 10)
        }
    }

    @Test func `a purchase and the batch that it paid for, as computed by hand`() async throws {
        try await withDatabase { settings in
            try await Self.loadBatch(into: settings)
            let focus = try await ExportRun("focus", settings, ["--month", "2026-10", "--all"])
            let rows = try focus.rows("focus-2026-10")
            #expect(rows.map { $0["ChargeCategory"] } == ["Purchase", "Credit", "Usage"])
            // $2,000 for 95,000 credits: 30 of them cost 0.631578 (rounded down), of which 20 stay: 0.421052.
            let purchase = rows[0]
            #expect(purchase["BilledCost"] == "2000.000000" && purchase["EffectiveCost"] == "0.000000")
            #expect(purchase["PricingQuantity"] == "95000.0" && purchase["PricingUnit"] == "Credits")
            #expect(purchase["ContractedUnitPrice"] == "0.021052631578947" && purchase["PricingCurrency"] == "USD")
            #expect(purchase["SkuPriceId"] == "credits-package-2000" && purchase["x_Credits"] == "95000")
            #expect(purchase["BillingPeriodStart"] == "2026-09-30T18:15:00Z")
            // The hour of a zone that is 45 minutes off begins with its month.
            #expect(purchase["ChargePeriodStart"] == "2026-09-30T18:15:00Z")
            #expect(purchase["ChargePeriodEnd"] == "2026-09-30T19:00:00Z")
            let usage = rows[2]
            #expect(usage["BilledCost"] == "0.000000" && usage["EffectiveCost"] == "0.421052")
            #expect(usage["ContractedCost"] == "0.421052" && usage["ContractedUnitPrice"] == "0.210526")
            #expect(usage["ListCost"] == "0.980000" && usage["ListUnitPrice"] == "0.49")
            #expect(usage["PricingQuantity"] == "2.0" && usage["ConsumedQuantity"] == "2.0")
            #expect(usage["PricingCurrency"] == "CRD" && usage["PricingCurrencyEffectiveCost"] == "20.0")
            #expect(usage["PricingCurrencyContractedUnitPrice"] == "10.0" && usage["x_Credits"] == "-20")
            #expect(usage["ChargePeriodStart"] == "2026-10-05T10:00:00Z" && usage["x_RequestId"] == "order-1")
            #expect(rows[1]["BilledCost"] == "0.000000" && rows[1]["x_Credits"] == "500")
        }
    }

    /// A customer in Kathmandu who bought a package, was granted bonus credit, and had a batch of three videos of which
    /// one failed.
    private static func loadBatch(into settings: ConnectionSettings) async throws {
        try await ProgramRun.expectingSuccess(["database", "migrate", "--database", Deployment.conninfo(settings)])
        let scratch = try ScratchFolder()
        let user = "00000000-0000-4000-8000-000000000001"
        let batch = "00000000-0000-4000-8000-0000000000b1"
        try await execute(
            """
            INSERT INTO public.users (id) VALUES ('\(user)');
            INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)
            VALUES ('\(user)', 'purchase', NULL, 95000, 'stripe_payment', 'p', '{"usd": 2000}', '2026-09-30 18:20Z'),
                ('\(user)', 'bonus_grant', NULL, 500, 'grant', 'g', '{}', '2026-10-02Z'),
                ('\(user)', 'spend', 'sora-2', -30, 'batch_upfront', '\(batch)', '{"bucket": "permanent"}',
                    '2026-10-05 10:10Z'),
                ('\(user)', 'refund', 'sora-2', 10, 'batch_refund', '\(batch)', '{"bucket": "permanent"}',
                    '2026-10-05 10:31Z');
            INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, frozen_credits,
                settlement_status, request_id, created_at, completed_at)
            VALUES ('\(batch)', '\(user)', 'partial', 3, 10, 30, 'refunded', 'order-1', '2026-10-05 10:10Z',
                '2026-10-05 10:30Z');
            INSERT INTO public.video_tasks (user_id, model, prompt, status, created_at, completed_at, batch_job_id,
                batch_index)
            SELECT '\(user)', 'sora-2', 'p', CASE n WHEN 2 THEN 'failed' ELSE 'succeeded' END, '2026-10-05 10:10Z',
                '2026-10-05 10:20Z', '\(batch)', n
            FROM generate_series(0, 2) AS n
            """, in: settings)
        let accounts = try scratch.write(
            """
            user_id,slug,name,plan,currency,timezone,retention_days,monthly_fee_usd,legal_hold
            \(user),one,One,prepaid,USD,Asia/Kathmandu,90,0,

            """, to: "accounts.csv")
        try await ProgramRun.expectingSuccess(
            ["accounts", "import", accounts, "--database", Deployment.conninfo(settings)])
    }

    @Test func `the rules find what is wrong with a row`() async throws {
        try await withSample { settings in
            let focus = try await ExportRun("focus", settings, ["--month", "2026-10", "--account", "customer5"])
            let rows = try focus.rows("focus-customer5-2026-10")
            let usage = try #require(rows.first { $0["ChargeCategory"] == "Usage" })
            #expect(FocusRules.violations(usage) == [])
            for (column, value, why) in [
                ("ChargeCategory", "Drawdown", "ChargeCategory is Drawdown"),
                ("ContractedCost", "1.000001", "ContractedUnitPrice times the quantity is not ContractedCost"),
                ("ChargePeriodStart", "2026-10-05T10:00:00+02:00", "ChargePeriodStart is no instant in UTC"),
                ("BilledCost", "179", "BilledCost is no decimal"), ("ProviderName", "", "ProviderName is null"),
                ("SkuId", "", "SkuId is null in a Usage"), ("BillingCurrency", "USX", "BillingCurrency is USX"),
                ("ConsumedQuantity", "", "usage is consumed"),
                ("ChargePeriodEnd", "2027-01-01T00:00:00Z", "the charge does not lie in its billing period"),
            ] {
                var wrong = usage
                wrong[column] = value
                #expect(FocusRules.violations(wrong).contains(why), "\(column): \(FocusRules.violations(wrong))")
            }
        }
    }

    @Test func `the same bytes in every run, and nobody's file without an issuer`() async throws {
        try await withSample { settings in
            func contents() async throws -> [String: Data] {
                try await ExportRun("focus", settings, ["--month", "2026-10", "--all"]).folder.contents().filter {
                    !$0.key.hasSuffix("manifest.json")
                }
            }
            let first = try await contents()
            let second = try await contents()
            #expect(first.keys.sorted() == ["focus-2026-10/focus.csv"] && second == first)
            let run = try await daybook(settings, ["report", "focus", "--month", "2026-10", "--all"])
            #expect(run.exitCode == 64 && run.errors.contains("--issuer or DAYBOOK_ISSUER"), "\(run.errors)")
            let neither = try await daybook(settings, ["report", "focus", "--month", "2026-10"])
            #expect(neither.exitCode == 64 && neither.errors.contains("--account"), "\(neither.errors)")
        }
    }
}
