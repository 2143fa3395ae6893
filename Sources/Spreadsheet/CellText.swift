/// The bytes of one cell's text as the file needs them, in a buffer that is used again and again.
///
/// A workbook writes what XML 1.0 cannot hold as `_xHHHH_`, so a literal text
/// of that form gets its underscore escaped (`_x005F_`). A text that does not
/// fit in a cell is cut between two Unicode scalars, and ends in ``CutCell/mark``.
struct CellText {
    /// The encoded text, followed by a NUL.
    private var bytes: [UInt8] = []
    /// UTF-16 units of the encoded text.
    private var encodedLength = 0
    /// Bytes of the encoded text after which the mark still fits.
    private var bytesBeforeMark = 0
    /// UTF-16 units of the whole source.
    private var length = 0

    /// True for text that can be handed to the writer as it is: at most 32,767
    /// bytes of ASCII, without a control character other than TAB and LF,
    /// without anything that could be an escape.
    static func isPlain(_ source: UnsafeBufferPointer<UInt8>) -> Bool {
        guard source.count <= SpreadsheetLimits.cellLength else { return false }
        var previous: UInt8 = 0
        for byte in source {
            guard byte >= 0x20 || byte == 0x09 || byte == 0x0A, byte < 0x80 else { return false }
            if byte == UInt8(ascii: "x"), previous == UInt8(ascii: "_") { return false }
            previous = byte
        }
        return true
    }

    /// Takes over a text as the file needs it; what is not UTF-8 becomes U+FFFD.
    ///
    /// Returns the length of the whole text in UTF-16 units if it had to be cut, nil if all of it fits.
    mutating func set(_ source: UnsafeBufferPointer<UInt8>) -> Int? {
        bytes.removeAll(keepingCapacity: true)
        guard Self.isPlain(source) else { return encode(source) }
        bytes.append(contentsOf: source)
        bytes.append(0)
        return nil
    }

    private mutating func encode(_ source: UnsafeBufferPointer<UInt8>) -> Int? {
        encodedLength = 0
        bytesBeforeMark = 0
        length = 0
        var position = 0
        while position < source.count {
            let (scalar, width) = UTF8Scalar.decode(source, at: position)
            append(scalar, isEscape: scalar == "_" && Self.looksLikeEscape(source, at: position))
            position += width
        }
        let isCut = encodedLength > SpreadsheetLimits.cellLength
        if isCut {
            bytes.removeSubrange(bytesBeforeMark...)
            bytes.append(contentsOf: CutCell.mark.utf8)
        }
        bytes.append(0)
        return isCut ? length : nil
    }

    /// Lends the encoded text as a C string.
    func withCString<Result>(
        _ body: (UnsafePointer<CChar>) throws(SpreadsheetError) -> Result
    ) throws(SpreadsheetError) -> Result {
        try bytes.withUnsafeBufferPointer { buffer throws(SpreadsheetError) in
            guard let start = buffer.baseAddress else { preconditionFailure("a text ends with a NUL") }
            return try body(UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self))
        }
    }

    private mutating func append(_ scalar: Unicode.Scalar, isEscape: Bool) {
        let units = scalar.value > 0xFFFF ? 2 : 1
        length += units
        guard encodedLength <= SpreadsheetLimits.cellLength else { return }
        if isEscape || Self.needsEscape(scalar) {
            appendEscape(scalar)
            encodedLength += 7
        } else {
            bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            encodedLength += units
        }
        if encodedLength + CutCell.mark.utf16.count <= SpreadsheetLimits.cellLength {
            bytesBeforeMark = bytes.count
        }
    }

    private mutating func appendEscape(_ scalar: Unicode.Scalar) {
        bytes.append(contentsOf: "_x".utf8)
        for shift in stride(from: UInt32(12), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: scalar.value >> shift & 0xF)
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10)
        }
        bytes.append(UInt8(ascii: "_"))
    }

    /// True for what XML 1.0 cannot hold, and for CR, which a parser would turn into LF.
    private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A: false
        case 0..<0x20, 0xFFFE, 0xFFFF: true
        default: false
        }
    }

    /// True at the underscore of `_xHHHH`, whatever follows: the next escape would close it.
    private static func looksLikeEscape(_ source: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        guard position + 5 < source.count, source[position + 1] == UInt8(ascii: "x") else { return false }
        return source[(position + 2)...(position + 5)].allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "F"),
                UInt8(ascii: "a")...UInt8(ascii: "f"):
                true
            default: false
            }
        }
    }
}

/// Reads UTF-8 scalar by scalar, without making a string.
enum UTF8Scalar {
    /// The scalar at a position and the bytes it takes; U+FFFD and 1 where the bytes are not UTF-8.
    ///
    /// Precondition: the position lies within the source.
    static func decode(_ source: UnsafeBufferPointer<UInt8>, at position: Int) -> (scalar: Unicode.Scalar, width: Int) {
        let first = source[position]
        let (width, leadBits, least): (Int, UInt32, UInt32)
        switch first {
        case 0..<0x80: return (Unicode.Scalar(first), 1)
        case 0xC2..<0xE0: (width, leadBits, least) = (2, UInt32(first & 0x1F), 0x80)
        case 0xE0..<0xF0: (width, leadBits, least) = (3, UInt32(first & 0x0F), 0x800)
        case 0xF0..<0xF5: (width, leadBits, least) = (4, UInt32(first & 0x07), 0x1_0000)
        default: return ("\u{FFFD}", 1)
        }
        guard position + width <= source.count else { return ("\u{FFFD}", 1) }
        var value = leadBits
        for byte in source[(position + 1)..<(position + width)] {
            guard byte & 0xC0 == 0x80 else { return ("\u{FFFD}", 1) }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        guard value >= least, let scalar = Unicode.Scalar(value) else { return ("\u{FFFD}", 1) }
        return (scalar, width)
    }
}

/// Text outside cells (names, titles, properties), which has no escapes: it is refused where XML cannot hold it.
enum PlainText {
    /// Throws for a control character and for U+FFFE and U+FFFF; TAB, LF and CR are control characters here.
    static func check(
        _ text: String, _ code: SpreadsheetError.Code, _ part: @autoclosure () -> String
    ) throws(SpreadsheetError) {
        for scalar in text.unicodeScalars {
            guard scalar.value >= 0x20, scalar.value != 0xFFFE, scalar.value != 0xFFFF else {
                throw SpreadsheetError(code, "\(part()) holds a control character.")
            }
        }
    }
}
