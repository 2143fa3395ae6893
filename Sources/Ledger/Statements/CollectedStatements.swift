import Documents
import Domain
import Foundation

/// The statements of everybody as two files, for an accounting import: the rows of the single `summary.csv` and
/// `usage.csv`, customer after customer.
///
/// The statement of a month that was closed by an earlier version keeps its form, and has rows of today's form here:
/// account and month in front, and usage as that of batches, of which alone it was.
struct CollectedStatements {
    private let month: Month
    private let staging: StagingFolder

    init(month: Month, staging: StagingFolder) {
        self.month = month
        self.staging = staging
    }

    /// The files' names, in the order in which they are written.
    static func names(of month: Month) -> [String] { ["statements-\(month).csv", "usage-\(month).csv"] }

    /// Writes both files into the staging folder, and gives their names.
    func write(_ statements: [StatementRun.Statement]) throws -> [String] {
        // What the columns are does not depend on any book.
        let layout = StatementTables(
            book: StatementBook(
                period: Period(start: .distantPast, end: .distantPast), plan: .payAsYouGo, batches: []))
        let names = Self.names(of: month)
        for (name, table) in zip(names, [layout.summary(), layout.usage()]) {
            let sink = try staging.sink(name)
            try sink.write(CSVEncoder.byteOrderMark)
            let columns = StatementTables.leading("", month).map(\.column) + table.columns
            try sink.append { CSVEncoder.appendHeader(columns, to: &$0) }
            for statement in statements {
                for row in try rows(of: statement, table.name, columns) {
                    try sink.append { CSVEncoder.append(row, to: &$0) }
                }
            }
            _ = try sink.finish()
        }
        return names
    }

    private func rows(of statement: StatementRun.Statement, _ table: String, _ columns: [Column]) throws -> [[Cell]] {
        let name = "\(statement.outputs.baseName)/\(table).csv"
        guard let content = FileManager.default.contents(atPath: staging.file(name)) else {
            throw OutputError.cannotWrite(staging.file(name), ENOENT)
        }
        return try CSVFile(Array(content)).records.map { record in
            columns.map { column in
                let text = record[column.id] ?? former(column.id, statement)
                // What is a number goes on as it is; a text was made harmless when it was first written.
                guard column.kind.isNumeric else { return .text(text) }
                return DecimalText(text).map(Cell.decimal) ?? .empty
            }
        }
    }

    /// What a row of an earlier version does not say.
    private func former(_ column: String, _ statement: StatementRun.Statement) -> String {
        switch column {
        case "account": statement.manifest.account.slug
        case "month": month.description
        case "source": StatementUsage.Source.batch.rawValue
        default: ""
        }
    }
}
