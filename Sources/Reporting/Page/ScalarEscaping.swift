import Mustache

/// HTML escaping by Unicode scalar.
///
/// Mustache's own escapes by `Character`: a quote followed by a combining mark is
/// one character, is in no table, and would come out raw. Every template and
/// partial therefore opens with `{{% CONTENT_TYPE:DAYBOOK}}`.
struct ScalarEscaping: MustacheContentType {
    /// The name that templates use.
    static let name = "DAYBOOK"

    func escapeText(_ text: String) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count + 16)
        Self.append(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends a text escaped. Every scalar that matters is one byte of UTF-8, and no byte of another one.
    static func append(_ text: String, to bytes: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "<"): bytes.append(contentsOf: "&lt;".utf8)
            case UInt8(ascii: ">"): bytes.append(contentsOf: "&gt;".utf8)
            case UInt8(ascii: "&"): bytes.append(contentsOf: "&amp;".utf8)
            case UInt8(ascii: "\""): bytes.append(contentsOf: "&quot;".utf8)
            case UInt8(ascii: "'"): bytes.append(contentsOf: "&#39;".utf8)
            case 0x09, 0x0A, 0x0D: bytes.append(byte)
            // Control characters have no place in HTML: show that one was there.
            case 0x00..<0x20, 0x7F: bytes.append(contentsOf: "\u{FFFD}".utf8)
            default: bytes.append(byte)
            }
        }
    }
}
