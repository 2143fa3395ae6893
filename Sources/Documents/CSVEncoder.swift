import Domain

/// RFC 4180 with CRLF, in UTF-8 with a byte order mark: what every spreadsheet reads.
///
/// A text cell that starts with `=`, `+`, `-`, `@`, TAB or CR gets a leading
/// apostrophe, so that no spreadsheet takes it for a formula (OWASP, "CSV
/// Injection"). Numbers never do.
public enum CSVEncoder {
    /// The byte order mark that starts a file.
    public static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let lineEnd: [UInt8] = [0x0D, 0x0A]
    private static let quote = UInt8(ascii: "\"")
    private static let comma = UInt8(ascii: ",")

    /// Appends the header row of some columns.
    public static func appendHeader(_ columns: [Column], to bytes: inout [UInt8]) {
        append(columns.map { Cell.text($0.id) }, to: &bytes)
    }

    /// Appends one row with its line end.
    public static func append(_ row: [Cell], to bytes: inout [UInt8]) {
        for (index, cell) in row.enumerated() {
            if index > 0 { bytes.append(comma) }
            switch cell {
            case .text(let text), .remarked(let text, _, _):
                var text = text
                text.withUTF8 { appendText($0, to: &bytes) }
            case .instant(let instant): instant.appendUTF8(to: &bytes)
            default: bytes.append(contentsOf: cell.plainText.utf8)
            }
        }
        endRow(&bytes)
    }

    package static func endRow(_ bytes: inout [UInt8]) { bytes.append(contentsOf: lineEnd) }
    package static func separate(_ bytes: inout [UInt8]) { bytes.append(comma) }

    /// Appends a text cell, quoted and made harmless where it needs to be.
    package static func appendText(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
        guard let first = text.first else { return }
        var needsQuotes = false
        for byte in text where byte == quote || byte == comma || byte == 0x0D || byte == 0x0A {
            needsQuotes = true
            break
        }
        if needsQuotes { bytes.append(quote) }
        if isFormulaStart(first) { bytes.append(UInt8(ascii: "'")) }
        if needsQuotes {
            for byte in text {
                bytes.append(byte)
                if byte == quote { bytes.append(quote) }
            }
            bytes.append(quote)
        } else {
            bytes.append(contentsOf: text)
        }
    }

    private static func isFormulaStart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "@"), 0x09, 0x0D: true
        default: false
        }
    }

    /// A whole table as the bytes of its file.
    public static func encode(_ table: Table) -> [UInt8] {
        var bytes = byteOrderMark
        appendHeader(table.columns, to: &bytes)
        for row in table.rows { append(row, to: &bytes) }
        return bytes
    }
}
