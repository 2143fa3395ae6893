import Foundation
import TestSupport
import Testing

/// The figures of the sample's statements as an earlier version of the program wrote them.
///
/// A newer version may add lines, columns and words; what a customer was told stays what it was.
@Suite struct GoldenTests {
    private static let file = Deployment.root + "/Tests/StatementTests/statements-0.1.0.csv"

    @Test func `the statements of every month say what version 0.1.0 said`() async throws {
        let golden = try StatementRuns.records(Self.file).dropFirst()
        #expect(golden.count > 1000)
        try await withSample { settings in
            for month in Set(golden.map { $0[0] }).sorted() {
                let run = try await StatementRuns(settings, ["--month", month, "--all", "--format", "csv"])
                var figures: [String: [String: String]] = [:]
                for record in golden where record[0] == month {
                    let key = "\(record[1]) \(record[2])"
                    if figures[key] == nil {
                        figures[key] = try Self.figures(run, "statement-\(record[1])-\(month)", record[2])
                    }
                    let now = figures[key]?["\(record[3]) \(record[4])"]
                    #expect(now == record[5], "\(record.joined(separator: " "))")
                }
            }
        }
    }

    /// Every cell of a table, by its row's first cell and its column's name.
    private static func figures(_ run: StatementRuns, _ statement: String, _ table: String) throws -> [String: String] {
        let records = try run.records(statement, table)
        var figures: [String: String] = [:]
        for record in records.dropFirst() {
            // Usage says first whether it is that of batches, which alone was stated then.
            let key = table == "usage" ? record[1] : record[0]
            guard table != "usage" || record[0] == "batch" else { continue }
            for (column, cell) in zip(records[0], record).dropFirst() { figures["\(key) \(column)"] = cell }
        }
        return figures
    }
}
