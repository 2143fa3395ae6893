import Domain
import Postgres
import Spreadsheet

/// Streams every task of the completion figures into the CSV file and onto the sheets, one row at a time.
///
/// The values go from the server's bytes to the files without becoming Swift
/// strings: a month may have millions of tasks.
struct TaskDrillDown {
    static let columns = [
        Column("task_id", .identifier, width: 38), Column("account", .text, width: 18),
        Column("model", .text, width: 11),
        Column("batch_id", .identifier, width: 38), Column("batch_index", .integer, width: 9),
        Column("accepted_at", .instant, width: 33), Column("dispatched_at", .instant, width: 33),
        Column("terminal_at", .instant, width: 33), Column("seconds", .seconds, width: 11),
        Column("status", .text, width: 11), Column("failure_type", .text, width: 13), Column("class", .text, width: 14),
        Column("reason", .text, width: 15),
    ]
    private static let progressInterval = 100_000

    let csv: FileSink?
    /// The sheets in order and the format of each column; empty without a workbook.
    let sheets: [Sheet]
    let formats: [Format]
    /// The slugs by account number, `(none)` first.
    let slugs: [String]
    let progress: (String) -> Void

    /// Writes all tasks and gives their number.
    func write(_ query: BoundQuery, session: Session, expected: Int64) throws -> Int64 {
        if let csv {
            try csv.write(CSVEncoder.byteOrderMark)
            try csv.append { CSVEncoder.appendHeader(Self.columns, to: &$0) }
        }
        var fields = FieldBuffer(slugs: slugs)
        var count = 0
        try query.forEachRow(session) { row in
            try fields.read(row)
            if let csv { try csv.append { fields.appendCSV(to: &$0) } }
            if !sheets.isEmpty { try writeSheetRow(fields, number: count) }
            count += 1
            if count % Self.progressInterval == 0 { progress("writing tasks, \(count) of \(expected)") }
        }
        guard Int64(count) == expected else {
            throw DaybookError(.failed, "The drill-down has \(count) tasks, but the figures counted \(expected).")
        }
        if let last = sheets.last {
            for sheet in sheets {
                let rows = sheet === last ? count - (sheets.count - 1) * Limits.sheetRows : Limits.sheetRows
                try sheet.autofilter(rows: 0...max(rows, 1), columns: 0...(Self.columns.count - 1))
            }
        }
        return Int64(count)
    }

    private func writeSheetRow(_ fields: borrowing FieldBuffer, number: Int) throws {
        let sheet = sheets[number / Limits.sheetRows]
        let row = number % Limits.sheetRows + 1
        for column in Self.columns.indices {
            if let number = fields.number(column) {
                try sheet.write(row: row, column: column, number: number, format: formats[column])
            } else if !fields.isEmpty(column) {
                try fields.withText(column) {
                    try sheet.write(row: row, column: column, utf8: $0, format: formats[column])
                }
            }
        }
    }
}
