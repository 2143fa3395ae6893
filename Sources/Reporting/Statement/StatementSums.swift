import Domain

/// Adds a statement up again, from its own files.
struct StatementSums {
    private static let usageColumnsBefore = 10
    private let manifest: StatementManifest
    private let lines: [String: Int64]
    private let entries: [[String]]
    private let usage: [[String]]
    private let batches: [[String]]
    private let openBatches: [[String]]

    init(manifest: StatementManifest, records: (String) throws -> [[String]]) throws {
        self.manifest = manifest
        var lines: [String: Int64] = [:]
        for record in try records("summary") where record.count == 2 { lines[record[0]] = Int64(record[1]) }
        self.lines = lines
        entries = try records("entries")
        usage = try records("usage")
        batches = try records("batches")
        openBatches = try records("open_batches")
    }

    /// The lines that are 0 in whole books; nil for one that could not be checked.
    var checks: [(line: StatementLine, credits: Int64?)] { StatementLine.checks.map { ($0, lines[$0.rawValue]) } }

    /// Throws `badData` with the first thing that does not add up.
    func check() throws(DaybookError) {
        var summary = StatementSummary()
        for line in StatementLine.allCases { summary.set(line, lines[line.rawValue]) }
        try require(summary.openingBalance == manifest.openingBalance, "summary.csv opens with another balance")
        try require(lines["closing_balance"] == summary.closingBalance, "opening and lines are not the closing balance")
        try require(manifest.closingBalance == summary.closingBalance, "summary.csv closes with another balance")
        try require(
            lines["unreconciled"] == summary.unreconciled, "the unreconciled credits are not what the lines give")
        try checkEntries(summary)
        try checkBatches(summary)
    }

    private func checkEntries(_ summary: StatementSummary) throws(DaybookError) {
        var balance = summary.openingBalance
        var sums: [StatementLine: Int64] = [:]
        for (index, record) in entries.enumerated() {
            guard record.count == 10, let credits = Int64(record[5]), let after = Int64(record[6]) else {
                throw refuse("row \(index + 1) of entries.csv is not an entry")
            }
            balance += credits
            try require(balance == after, "the balance of row \(index + 1) of entries.csv is not what goes before")
            let entry = StatementEntry(
                id: 0, postedAt: nil, type: record[2], credits: credits, referenceType: record[7])
            sums[entry.line, default: 0] += credits
        }
        try require(balance == summary.closingBalance, "the last balance of entries.csv is not the closing balance")
        for line in StatementLine.movements {
            try require(sums[line] ?? 0 == summary[line], "the entries of \(line.rawValue) are not their line")
        }
    }

    private func checkBatches(_ summary: StatementSummary) throws(DaybookError) {
        var totals = (frozen: Int64(0), spent: Int64(0), refunded: Int64(0))
        for (index, record) in batches.enumerated() {
            let numbers = record.suffix(4).compactMap { Int64($0) }
            guard record.count == 12, numbers.count == 4 else {
                throw refuse("row \(index + 1) of batches.csv is not a batch")
            }
            try require(
                numbers[3] == numbers[0] - numbers[2] - numbers[1],
                "the difference of row \(index + 1) of batches.csv is not frozen less refunded less spent")
            totals.frozen += numbers[0]
            totals.spent += numbers[1]
            totals.refunded += numbers[2]
        }
        try require(totals.spent == summary.delivered, "what the batches spent is not what was delivered")
        let held = openBatches.reduce(Int64(0)) { $0 + (Int64($1.last ?? "") ?? 0) }
        try require(held == summary.heldClosing, "what the open batches hold is not what is held at the end")
        // Statements of before had batches alone, and no column that says so.
        let sourced = usage.map {
            $0.count == Self.usageColumnsBefore ? [StatementUsage.Source.batch.rawValue] + $0 : $0
        }
        func used(_ source: StatementUsage.Source, _ column: Int) -> Int64 {
            sourced.filter { $0.first == source.rawValue }.reduce(0) {
                $0 + ($1.indices.contains(column) ? Int64($1[column]) ?? 0 : 0)
            }
        }
        try require(
            used(.batch, 6) == totals.frozen && used(.batch, 7) == totals.refunded && used(.batch, 8) == totals.spent,
            "the credits of usage.csv are not those of batches.csv")
        try require(
            used(.single, 8) == summary.singleVideos, "the single videos of usage.csv are not those of summary.csv")
    }

    private func require(_ isSo: Bool, _ why: String) throws(DaybookError) {
        guard isSo else { throw refuse(why) }
    }

    private func refuse(_ why: String) -> DaybookError {
        .badData("The statement \(manifest.number) is refused: \(why).")
    }
}
