import Domain
import Postgres
import Spreadsheet

/// One row of the drill-down as text, in one reused buffer: each field ends with a NUL, as C wants it.
struct FieldBuffer: ~Copyable {
    private static let account = 1
    private static let batchIndex = 4
    private static let instants = 5...7
    private static let seconds = 8
    private static let textColumns: Set<Int> = [1, 2, 9, 10, 11, 12]

    private let slugs: [[UInt8]]
    private var bytes: [UInt8] = []
    /// Where each field starts; it ends one byte before the next.
    private var starts: [Int] = []
    private var index: Int64?
    private var milliseconds: Int64?

    init(slugs: [String]) {
        self.slugs = slugs.map { Array($0.utf8) }
        bytes.reserveCapacity(1024)
        starts.reserveCapacity(TaskDrillDown.columns.count + 1)
    }

    /// Takes over a row of `tasks.sql`.
    mutating func read(_ row: borrowing RowView) throws {
        bytes.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        index = try row.optionalInt(Self.batchIndex)
        milliseconds = try row.optionalInt(Self.seconds).map { Seconds.milliseconds(roundingUp: $0) }
        for column in TaskDrillDown.columns.indices {
            starts.append(bytes.count)
            if !row.isNull(column) { try append(column, row) }
            bytes.append(0)
        }
        starts.append(bytes.count)
    }

    private mutating func append(_ column: Int, _ row: borrowing RowView) throws {
        switch column {
        case Self.account: bytes.append(contentsOf: slugs[Int(try row.int(column))])
        case Self.batchIndex: bytes.append(contentsOf: String(index ?? 0).utf8)
        case Self.instants: try row.instant(column).appendUTF8(to: &bytes)
        case Self.seconds: bytes.append(contentsOf: FixedPoint.text(milliseconds ?? 0, places: 3).utf8)
        default: bytes.append(contentsOf: row.bytes(column))
        }
    }

    /// The value of a number's column; nil for a text or an empty field.
    func number(_ column: Int) -> Double? {
        switch column {
        case Self.batchIndex: index.map { Double($0) }
        case Self.seconds:
            milliseconds.flatMap { $0.magnitude <= UInt64(SpreadsheetLimits.exactInteger) ? Double($0) / 1000 : nil }
        default: nil
        }
    }

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
                if Self.textColumns.contains(column) {
                    CSVEncoder.appendText(field, to: &line)
                } else {
                    line.append(contentsOf: field)
                }
            }
        }
        CSVEncoder.endRow(&line)
    }
}
