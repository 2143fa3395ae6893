import Domain
import Foundation

/// Standard output is for results, standard error for everything else.
public enum Terminal {
    /// Writes a line of results.
    public static func show(_ line: String) {
        write(line, to: FileHandle.standardOutput)
    }

    /// Writes a line that is no result.
    public static func say(_ line: String) {
        write(line, to: FileHandle.standardError)
    }

    /// True where a line can change in its place: standard error is a terminal.
    public static let hasChangingLine = isatty(STDERR_FILENO) == 1

    /// Puts a text in the place of the line that changes; an empty one takes it away.
    public static func change(to text: String) {
        FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
    }

    /// A reader that went away is no reason to fail: the files are what counts.
    private static func write(_ line: String, to file: FileHandle) {
        try? file.write(contentsOf: Data((line + "\n").utf8))
    }
}

/// Tells what is being done: one line that changes on a terminal, a line per step elsewhere, nothing if it is to be
/// quiet.
public struct Progress: Sendable {
    private let isQuiet: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let startedAt = Date()

    public init(isQuiet: Bool) {
        self.isQuiet = isQuiet
    }

    public func tell(_ step: String) {
        guard !isQuiet else { return }
        if isTerminal {
            FileHandle.standardError.write(Data("\r\u{1B}[K\(step) …".utf8))
        } else {
            let seconds = Int(Date().timeIntervalSince(startedAt))
            Terminal.say("daybook: \(step) (\(seconds) s)")
        }
    }

    /// Ends the changing line.
    public func finish() {
        guard !isQuiet, isTerminal else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }
}

/// A table for a terminal: columns padded with blanks, numbers at the right, nothing that a pipe would not like.
public struct TextTable {
    private let headings: [String]
    private let rightAligned: Set<Int>
    private let amounts: Set<Int>
    private var rows: [[String]] = []

    /// - Parameter amounts: Columns of numbers that are counted or paid: they have thousands separators.
    public init(_ headings: [String], rightAligned: Set<Int> = [], amounts: Set<Int> = []) {
        self.headings = headings
        self.rightAligned = rightAligned
        self.amounts = amounts
    }

    public mutating func add(_ row: [String]) {
        rows.append(
            row.enumerated().map { column, text in
                Self.harmless(amounts.contains(column) ? GroupedNumber.grouping(text) : text)
            })
    }

    /// A control character in somebody's name must not move the cursor.
    private static func harmless(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { result.append(isControl(scalar) ? "\u{FFFD}" : scalar) }
        return String(result)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    }

    public var lines: [String] {
        let widths = headings.indices.map { column in
            ([headings] + rows).map { Self.width($0[column]) }.max() ?? 0
        }
        return ([headings, widths.map { String(repeating: "-", count: $0) }] + rows).map { row in
            let cells = row.enumerated().map { column, text in
                let padding = String(repeating: " ", count: max(widths[column] - Self.width(text), 0))
                return rightAligned.contains(column) ? padding + text : text + padding
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// Columns on a terminal: East Asian wide characters take two.
    private static func width(_ text: String) -> Int {
        text.reduce(0) { width, character in
            guard let scalar = character.unicodeScalars.first else { return width }
            switch scalar.value {
            case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE4F, 0xFF00...0xFF60,
                0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
                return width + 2
            default: return width + 1
            }
        }
    }

    public func show() {
        for line in lines { Terminal.show(line) }
    }
}
