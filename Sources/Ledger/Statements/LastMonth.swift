import Codecs
import Documents
import Domain
import Postgres
import Schema

/// The month before, as a statement sets it beside its own.
///
/// Where it is closed it is what was closed. An account that never closed a month has its balances from the ledger, and
/// no usage beside: that is worked out once, for the month's own statement.
struct LastMonth: Sendable {
    let month: Month
    /// The credits of its lines, with the balances at its two ends.
    let lines: [StatementLine: Int64]
    /// The amounts of its usage in dollars, by source and model; nil where it is not closed.
    let amounts: [Use: Dollars]?

    struct Use: Sendable, Hashable {
        let source: String
        let model: String
    }

    /// From the ledger, of an account that never closed a month: none of its rows counts later than its own instant.
    ///
    /// - Parameter opening: The balance at the end of it.
    init(_ month: Month, moved: [StatementLine: Int64], closing: Int64) {
        self.month = month
        var lines = moved
        for line in StatementLine.movements where lines[line] == nil { lines[line] = 0 }
        lines[.closingBalance] = closing
        lines[.openingBalance] = closing - moved.values.reduce(0, +)
        self.lines = lines
        amounts = nil
    }

    /// From the files of its closed statement.
    private init(_ month: Month, summary: CSVFile, usage: CSVFile) {
        self.month = month
        var lines: [StatementLine: Int64] = [:]
        for record in summary.records where record.isWhole {
            guard let line = record["line"].flatMap(StatementLine.init(rawValue:)) else { continue }
            lines[line] = record.integer("credits")
        }
        self.lines = lines
        var amounts: [Use: Dollars] = [:]
        for record in usage.records where record.isWhole {
            // Statements of before had batches alone, and no column that says so.
            let use = Use(
                source: record["source"] ?? StatementUsage.Source.batch.rawValue, model: record["model"] ?? "")
            if let amount = record["amount_usd"].flatMap(Dollars.init) { amounts[use] = amount }
        }
        self.amounts = amounts
    }

    /// Those of every account that closed the month, by their ids. One whose files are not what was closed has none
    /// here: `daybook close list` names it.
    static func closed(_ month: Month?, _ session: Session, catalog: Catalog) throws -> [String: LastMonth] {
        guard let month, MonthCloses(session: session, catalog: catalog).exists else { return [:] }
        var files: [String: [String: [UInt8]]] = [:]
        let rows = try session.query(
            """
            WITH closed AS (\(MonthCloses.current))
            SELECT f.user_id::text AS user_id, f.name, f.sha256, f.content FROM closed AS c
            JOIN daybook.month_close_file AS f
                ON f.user_id = c.user_id AND f.month = c.month AND f.revision = c.revision
            WHERE c.month = $1 AND (f.name LIKE '%/summary.csv' OR f.name LIKE '%/usage.csv')
            ORDER BY f.user_id, f.name COLLATE "C"
            """, [.date(month.firstDay)])
        for row in rows {
            let content = try row.optionalBytes("content") ?? []
            guard FileDigest.of(content) == (try row.text("sha256")) else { continue }
            let name = try row.text("name").hasSuffix("/summary.csv") ? "summary" : "usage"
            files[try row.text("user_id"), default: [:]][name] = content
        }
        return try files.compactMapValues { files in
            guard let summary = files["summary"], let usage = files["usage"] else { return nil }
            return LastMonth(month, summary: try CSVFile(summary), usage: try CSVFile(usage))
        }
    }
}
