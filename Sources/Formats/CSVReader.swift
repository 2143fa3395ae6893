/// Reads RFC 4180 records from pieces of a UTF-8 file, with the line and column of every field.
///
/// A byte order mark is skipped, both line ends are understood, and a quote in
/// the wrong place is an error with its position rather than a guess.
public struct CSVReader {
    /// One field of a record.
    public struct Field: Hashable, Sendable {
        public let text: String
        /// The line on which it starts, from 1.
        public let line: Int
        /// The column of its first byte, from 1.
        public let column: Int
    }

    /// Bytes of one record: a quote that never closes must not eat the memory.
    public static let recordLimitBytes = 1_048_576

    private enum State {
        case fieldStart
        case unquoted
        case quoted
        case quoteInQuoted
        case carriageReturn
    }

    private var state = State.fieldStart
    private var fields: [Field] = []
    private var bytes: [UInt8] = []
    private var recordBytes = 0
    private var line = 1
    private var column = 0
    private var fieldLine = 1
    private var fieldColumn = 1
    private var seenBytes = 0

    public init() {}

    /// Takes the next piece of the file and hands out every record that it completes.
    public mutating func read(_ piece: some Sequence<UInt8>, record: ([Field]) throws -> Void) throws {
        for byte in piece { try take(byte, record) }
    }

    /// Ends the file: hands out a last record without a line end.
    public mutating func finish(record: ([Field]) throws -> Void) throws {
        if state == .quoted {
            throw CSVDefect(line: fieldLine, column: fieldColumn, what: "a quote is opened here and never closed")
        }
        if state == .fieldStart && fields.isEmpty && bytes.isEmpty { return }
        if state != .carriageReturn { try endField() }
        try endRecord(record)
    }

    private mutating func take(_ byte: UInt8, _ record: ([Field]) throws -> Void) throws {
        seenBytes += 1
        if seenBytes <= 3, line == 1, fields.isEmpty, byte == [0xEF, 0xBB, 0xBF][seenBytes - 1] { return }
        column += 1
        recordBytes += 1
        guard recordBytes <= Self.recordLimitBytes else {
            throw CSVDefect(
                line: fieldLine, column: fieldColumn, what: "a record is longer than \(Self.recordLimitBytes) bytes")
        }
        switch (state, byte) {
        case (.carriageReturn, UInt8(ascii: "\n")):
            try endRecord(record)
        case (.carriageReturn, _):
            throw CSVDefect(line: line, column: column, what: "a carriage return stands alone")
        case (.quoted, UInt8(ascii: "\"")):
            state = .quoteInQuoted
        case (.quoted, _):
            bytes.append(byte)
            if byte == UInt8(ascii: "\n") { nextLine() }
        case (.quoteInQuoted, UInt8(ascii: "\"")):
            bytes.append(byte)
            state = .quoted
        case (.fieldStart, UInt8(ascii: "\"")):
            startField()
            state = .quoted
        case (_, UInt8(ascii: ",")):
            try endField()
            state = .fieldStart
        case (_, UInt8(ascii: "\r")):
            try endField()
            state = .carriageReturn
        case (_, UInt8(ascii: "\n")):
            try endField()
            try endRecord(record)
        case (.quoteInQuoted, _):
            throw CSVDefect(line: line, column: column, what: "text follows a closing quote")
        case (.unquoted, UInt8(ascii: "\"")):
            throw CSVDefect(line: line, column: column, what: "a quote stands inside an unquoted field")
        case (.fieldStart, _), (.unquoted, _):
            if state == .fieldStart { startField() }
            bytes.append(byte)
            state = .unquoted
        }
    }

    private mutating func startField() {
        fieldLine = line
        fieldColumn = column
    }

    private mutating func endField() throws {
        if state == .fieldStart { startField() }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CSVDefect(line: fieldLine, column: fieldColumn, what: "the text is not UTF-8")
        }
        fields.append(Field(text: text, line: fieldLine, column: fieldColumn))
        bytes.removeAll(keepingCapacity: true)
        state = .unquoted
    }

    private mutating func endRecord(_ record: ([Field]) throws -> Void) throws {
        let complete = fields
        fields.removeAll(keepingCapacity: true)
        recordBytes = 0
        nextLine()
        state = .fieldStart
        // An empty line is no record.
        guard complete.count > 1 || complete.first?.text.isEmpty == false else { return }
        try record(complete)
    }

    private mutating func nextLine() {
        line += 1
        column = 0
    }
}

/// Something wrong at one place of a CSV file.
public struct CSVDefect: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1.
    public let line: Int
    /// From 1, in bytes of the line.
    public let column: Int
    public let what: String

    public init(line: Int, column: Int, what: String) {
        self.line = line
        self.column = column
        self.what = what
    }

    public var description: String { "line \(line), column \(column): \(what)" }
}
