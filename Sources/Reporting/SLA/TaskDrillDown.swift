import Documents
import Domain
import Postgres
import Schema
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
    let progress: (String) -> Void

    /// Writes the tasks of a report.
    func write(_ rows: TaskRows, ofAccount account: Int64?, expected: Int64) throws {
        if let csv {
            try csv.write(CSVEncoder.byteOrderMark)
            try csv.append { CSVEncoder.appendHeader(Self.columns, to: &$0) }
        }
        var fields = FieldBuffer(slugs: rows.slugs)
        var count = 0
        try rows.forEach(ofAccount: account, expected: expected) { row in
            try fields.read(row)
            if let csv { try csv.append { fields.appendCSV(to: &$0) } }
            if !sheets.isEmpty { try writeSheetRow(fields, number: count) }
            count += 1
            if count % Self.progressInterval == 0 { progress("writing tasks, \(count) of \(expected)") }
        }
        guard Int64(count) == expected else {
            throw DaybookError(.failed, "The drill-down has \(count) tasks, but the figures counted \(expected).")
        }
    }

    private func writeSheetRow(_ fields: borrowing FieldBuffer, number: Int) throws {
        let sheet = sheets[number / Limits.sheetRows]
        let row = number % Limits.sheetRows + 1
        for column in Self.columns.indices {
            if let number = fields.number(column) {
                try sheet.write(row: row, column: column, number: number, format: formats[column])
            } else if let instant = fields.instant(column) {
                try sheet.write(row: row, column: column, instant: instant, format: formats[column])
            } else if !fields.isEmpty(column) {
                try fields.withText(column) {
                    try sheet.write(row: row, column: column, utf8: $0, format: formats[column])
                }
            }
        }
    }
}

/// The rows of the drill-down of a group's reports: all of their tasks in one reading, report after report.
struct TaskRows {
    private static let cursor = "drill_down"

    /// The slugs by account number, `(none)` first.
    let slugs: [String]
    private let session: Session
    /// Nil where a cursor stands before the tasks of the next report.
    private let query: BoundQuery?

    init(of group: SLAGroup, _ reader: SLAReader) throws {
        session = reader.session
        slugs = ["(none)"] + group.whole.accounts.map(\.slug)
        let tasks = try reader.bound("tasks")
        query = group.scopes.count == 1 ? tasks : nil
        if query == nil { try tasks.declare(Self.cursor, in: session) }
    }

    /// Settings of a transaction that reads several reports' tasks: all of them are wanted, not the first ones soon.
    static func prepare(_ session: Session) throws {
        try session.executeScript("SET LOCAL cursor_tuple_fraction = 1.0")
    }

    /// Hands over the tasks of the next report.
    ///
    /// - Parameters:
    ///   - account: The number in the group of the account whose tasks they are; nil where there is one report.
    ///   - expected: How many there are.
    fileprivate func forEach(
        ofAccount account: Int64?, expected: Int64, _ body: (borrowing RowView) throws -> Void
    ) throws {
        if let query {
            try query.forEachRow(session, body)
        } else if expected > 0 {
            try session.forEachRow("FETCH FORWARD \(expected) FROM \(Self.cursor)") { row in
                guard try row.int(1) == account else { throw Self.misplaced }
                try body(row)
            }
        }
    }

    /// Ends the reading. Throws where there are tasks that no report had.
    func close() throws {
        guard query == nil else { return }
        guard try session.query("FETCH FORWARD 1 FROM \(Self.cursor)").isEmpty else { throw Self.misplaced }
        try session.execute("CLOSE \(Self.cursor)")
    }

    private static let misplaced = DaybookError(
        .failed, "The drill-down has other tasks of a customer than the figures counted.")
}

/// One row of the drill-down as text, in one reused buffer: each field ends with a NUL, as C wants it.
struct FieldBuffer: ~Copyable {
    /// What each column holds: there is one of whole numbers, the index in the batch, and one of seconds.
    private let kinds = TaskDrillDown.columns.map(\.kind)
    private let account = FieldBuffer.place { $0.id == "account" }
    private let batchIndex = FieldBuffer.place { $0.kind == .integer }
    private let seconds = FieldBuffer.place { $0.kind == .seconds }
    private let slugs: [[UInt8]]
    private var bytes: [UInt8] = []
    /// Where each field starts; it ends one byte before the next.
    private var starts: [Int] = []
    private var index: Int64?
    private var milliseconds: Int64?
    /// By column; nil where it holds none.
    private var instants = [Instant?](repeating: nil, count: TaskDrillDown.columns.count)

    init(slugs: [String]) {
        self.slugs = slugs.map { Array($0.utf8) }
        bytes.reserveCapacity(1024)
        starts.reserveCapacity(TaskDrillDown.columns.count + 1)
    }

    private static func place(_ isMeant: (Column) -> Bool) -> Int {
        guard let place = TaskDrillDown.columns.firstIndex(where: isMeant) else {
            preconditionFailure("the drill-down has such a column")
        }
        return place
    }

    /// Takes over a row of `tasks.sql`.
    mutating func read(_ row: borrowing RowView) throws {
        bytes.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        index = try row.optionalInt(batchIndex)
        milliseconds = try row.optionalInt(seconds).map { Seconds.milliseconds(roundingUp: $0) }
        for column in TaskDrillDown.columns.indices {
            starts.append(bytes.count)
            instants[column] = nil
            if !row.isNull(column) { try append(column, row) }
            bytes.append(0)
        }
        starts.append(bytes.count)
    }

    private mutating func append(_ column: Int, _ row: borrowing RowView) throws {
        switch kinds[column] {
        case .integer: bytes.append(contentsOf: String(index ?? 0).utf8)
        case .instant:
            let instant = try row.instant(column)
            instants[column] = instant
            instant.appendUTF8(to: &bytes)
        case .seconds: bytes.append(contentsOf: FixedPoint.text(milliseconds ?? 0, places: 3).utf8)
        case .text where column == account: bytes.append(contentsOf: slugs[Int(try row.int(column))])
        default: bytes.append(contentsOf: row.bytes(column))
        }
    }

    /// The value of a number's column; nil for a text or an empty field.
    func number(_ column: Int) -> Double? {
        switch kinds[column] {
        case .integer: index.map { Double($0) }
        case .seconds:
            milliseconds.flatMap { $0.magnitude <= UInt64(SpreadsheetLimits.exactInteger) ? Double($0) / 1000 : nil }
        default: nil
        }
    }

    /// The instant of a column; nil for every other, and an empty field.
    func instant(_ column: Int) -> Instant? { instants[column] }

    func isEmpty(_ column: Int) -> Bool { starts[column] + 1 == starts[column + 1] }

    /// The field as text that ends with a NUL.
    func withText(_ column: Int, _ body: (UnsafePointer<CChar>) throws -> Void) throws {
        try bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            try body((base + starts[column]).assumingMemoryBound(to: CChar.self))
        }
    }

    /// Appends the row as a line of CSV.
    func appendCSV(to line: inout [UInt8]) {
        bytes.withUnsafeBufferPointer { buffer in
            for column in TaskDrillDown.columns.indices {
                if column > 0 { CSVEncoder.separate(&line) }
                let field = UnsafeBufferPointer(rebasing: buffer[starts[column]..<(starts[column + 1] - 1)])
                if kinds[column] == .text {
                    CSVEncoder.appendText(field, to: &line)
                } else {
                    line.append(contentsOf: field)
                }
            }
        }
        CSVEncoder.endRow(&line)
    }
}
