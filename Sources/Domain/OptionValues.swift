/// Whole numbers on a command line. Every option that counts something is read by this: the parser's own reading says
/// of a number that is too large, negative or not whole only that it is invalid.
public enum WholeNumber {
    /// Reads a number of a range, and throws `usage` with the range where it is another.
    public static func within<Number: FixedWidthInteger & Sendable>(
        _ range: ClosedRange<Number>
    ) -> @Sendable (String) throws -> Number {
        { text in
            guard let number = Number(text), range.contains(number) else {
                let bounds =
                    range.upperBound == Number.max
                    ? "from \(range.lowerBound) on" : "from \(range.lowerBound) to \(range.upperBound)"
                throw DaybookError.usage("it must be a whole number \(bounds)")
            }
            return number
        }
    }
}

/// Instants on a command line.
public enum InstantOption {
    /// Reads an instant with its offset, or a date: its first instant in UTC. Throws `usage` for anything else.
    @Sendable public static func read(_ text: String) throws -> Instant {
        let isDate = text.wholeMatch(of: /\d{4}-\d{2}-\d{2}/) != nil
        guard let instant = Instant(isDate ? text + "T00:00:00Z" : text) else {
            throw DaybookError.usage(
                "it must be an instant with an offset, such as 2026-11-01T00:00:00Z, or a date, such as 2026-11-01, "
                    + "which is its midnight in UTC")
        }
        return instant
    }
}

/// Who may read what is written: the permissions of files, and of the folders that are made for them.
public struct OutputMode: Hashable, Sendable, CustomStringConvertible {
    /// Permissions of a file, as `chmod` takes them.
    public let file: UInt32

    /// Files for the owner alone: what is not told otherwise holds customers' data.
    public static let ownerOnly = OutputMode(file: 0o600)

    /// Permissions of a folder: whoever may read its files may also list and pass it.
    public var folder: UInt32 { file | (file & 0o444) >> 2 }

    /// Four octal digits.
    public var description: String { "0" + String(file, radix: 8) }

    private init(file: UInt32) {
        self.file = file
    }

    /// Reads three or four octal digits, such as `0640`.
    ///
    /// Nil for anything else, where the owner may not read and write, where somebody could execute, and where everybody
    /// could write.
    public init?(_ text: String) {
        guard (3...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x37).contains($0) }),
            let mode = UInt32(text, radix: 8), mode & 0o600 == 0o600, mode & 0o7113 == 0
        else { return nil }
        file = mode
    }
}
