import Foundation
import Postgres
import TestSupport
import Testing

/// Random histories of terms over random ledgers: months tile, and every entry stands in exactly one statement.
/// One after another: a sweep of hundreds keeps one database at a time.
@Suite(.serialized) struct TermsHistoryTests {
    /// Seeds of the histories: `DAYBOOK_TERMS_SEEDS=1-200` plays others.
    private static let seeds = SeedRange("DAYBOOK_TERMS_SEEDS", standard: 1...3).seeds

    @Test(arguments: seeds)
    func `every entry stands in one statement, closings are openings, and closed months keep their bytes`(
        seed: Int
    ) async throws {
        try await withDatabase { settings in
            var history = try await TermsHistory(seed: seed, in: settings)
            try await history.play()
            var listed: [String: [String]] = [:]
            var closings: [String: Int64] = [:]
            var files: [String: Data] = [:]
            for month in TermsHistory.stated {
                let run = try await StatementRuns(settings, ["--all", "--month", month, "--format", "csv"])
                files.merge(try TermsHistory.figures(of: run)) { _, new in new }
                for (slug, owner) in history.owners {
                    let statement = "statement-\(slug)-\(month)"
                    guard FileManager.default.fileExists(atPath: run.folder.file(statement)) else { continue }
                    let summary = try run.summary(statement)
                    let label = "seed \(seed), \(slug) \(month)"
                    #expect(summary["opening_balance"] == closings[owner] ?? 0, "\(label)")
                    closings[owner] = summary["closing_balance"]
                    listed[owner, default: []] += try run.records(statement, "entries").dropFirst().map { $0[0] }
                }
            }
            for (name, content) in history.closed {
                #expect(files[name] == content, "seed \(seed): \(name) changed after its month was closed")
            }
            if let judged = history.judged {
                let again = try await history.judge(judged.month, isInForce: false)
                #expect(again == judged.lines, "seed \(seed), \(judged.month): judged by other terms than its own")
            }
            try await Self.compare(listed, closings, with: history, seed: seed)
            let verified = try await daybook(settings, ["ledger", "verify"])
            #expect(!verified.output.contains("closed_months_disagree"), "seed \(seed): \(verified.output)")
            // Months that do not tile any more are found.
            try await execute(
                "UPDATE daybook.month_close SET period_start = period_start + interval '1 hour'", in: settings)
            let broken = try await daybook(settings, ["ledger", "verify"])
            #expect(broken.output.contains("closed_months_disagree") == history.hasTwoClosedMonths, "seed \(seed)")
        }
    }

    /// The statements together are the ledger, entry by entry and in their sums.
    private static func compare(
        _ listed: [String: [String]], _ closings: [String: Int64], with history: TermsHistory, seed: Int
    ) async throws {
        let connection = try await Connection.open(history.settings)
        let rows = try await connection.run {
            try $0.query(
                "SELECT user_id::text AS owner, id::text AS id, credits_delta::bigint AS credits FROM public.credit_ledger"
            ).map {
                (owner: try $0.text("owner"), id: try $0.text("id"), credits: try $0.int("credits"))
            }
        }
        await connection.close()
        for customer in history.customers {
            let own = rows.filter { $0.owner == customer.userID }
            let statements = listed[customer.userID] ?? []
            #expect(statements.count == own.count, "seed \(seed), \(customer.slug)")
            #expect(Set(statements) == Set(own.map(\.id)), "seed \(seed), \(customer.slug)")
            #expect(closings[customer.userID] == own.reduce(0) { $0 + $1.credits }, "seed \(seed), \(customer.slug)")
        }
        let total = rows.reduce(Int64(0)) { $0 + $1.credits }
        #expect(closings.values.reduce(0, +) == total, "seed \(seed)")
    }
}
