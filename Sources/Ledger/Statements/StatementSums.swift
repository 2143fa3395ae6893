import Documents
import Domain

/// Adds a statement up again, from its own files.
struct StatementSums {
    private let manifest: StatementManifest
    private let lines: [String: Int64]
    private let entries: [CSVFile.Record]
    private let usage: CSVFile
    private let batches: [CSVFile.Record]
    private let openBatches: [CSVFile.Record]

    init(manifest: StatementManifest, file: (_ table: String) throws -> CSVFile) throws {
        self.manifest = manifest
        var lines: [String: Int64] = [:]
        for record in try file("summary").records where record.isWhole {
            if let line = record["line"] { lines[line] = record.integer("credits") }
        }
        self.lines = lines
        entries = try file("entries").records
        usage = try file("usage")
        batches = try file("batches").records
        openBatches = try file("open_batches").records
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
            guard record.isWhole, let credits = record.integer("credits"), let after = record.integer("balance"),
                let type = record["type"], let referenceType = record["reference_type"]
            else { throw refuse("row \(index + 1) of entries.csv is not an entry") }
            balance += credits
            try require(balance == after, "the balance of row \(index + 1) of entries.csv is not what goes before")
            let entry = StatementEntry(
                id: 0, postedAt: nil, type: type, credits: credits, referenceType: referenceType)
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
            guard record.isWhole, let frozen = record.integer("frozen"), let spent = record.integer("spent"),
                let refunded = record.integer("refunded"), let difference = record.integer("difference")
            else { throw refuse("row \(index + 1) of batches.csv is not a batch") }
            try require(
                difference == frozen - refunded - spent,
                "the difference of row \(index + 1) of batches.csv is not frozen less refunded less spent")
            totals.frozen += frozen
            totals.spent += spent
            totals.refunded += refunded
        }
        try require(totals.spent == summary.delivered, "what the batches spent is not what was delivered")
        let held = openBatches.reduce(Int64(0)) { $0 + ($1.integer("difference") ?? 0) }
        try require(held == summary.heldClosing, "what the open batches hold is not what is held at the end")
        // Statements of before had batches alone, and no column that says so.
        let isOfBatchesAlone = !usage.columns.contains("source")
        func used(_ source: StatementUsage.Source, _ column: String) -> Int64 {
            usage.records.filter { isOfBatchesAlone ? source == .batch : $0["source"] == source.rawValue }
                .reduce(0) { $0 + ($1.integer(column) ?? 0) }
        }
        try require(
            used(.batch, "credits_frozen") == totals.frozen && used(.batch, "credits_refunded") == totals.refunded
                && used(.batch, "credits_spent") == totals.spent,
            "the credits of usage.csv are not those of batches.csv")
        try require(
            used(.single, "credits_spent") == summary.singleVideos,
            "the single videos of usage.csv are not those of summary.csv")
    }

    private func require(_ isSo: Bool, _ why: String) throws(DaybookError) {
        guard isSo else { throw refuse(why) }
    }

    private func refuse(_ why: String) -> DaybookError {
        .badData("The statement \(manifest.number) is refused: \(why).")
    }
}
