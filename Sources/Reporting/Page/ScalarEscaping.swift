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
        var text = text
        text.withUTF8 { text in
            var rest = text[...]
            while let place = rest.firstIndex(where: isSpecial) {
                bytes.append(contentsOf: rest[..<place])
                bytes.append(contentsOf: replacement(rest[place]).utf8)
                rest = rest[(place + 1)...]
            }
            bytes.append(contentsOf: rest)
        }
    }

    /// Appends words escaped, and where they may run from right to left apart from what is around them: ASCII cannot.
    static func appendWords(_ text: String, to bytes: inout [UInt8]) {
        let isPlain = text.utf8.allSatisfy { $0 < 0x80 }
        if !isPlain { bytes.append(contentsOf: "<bdi>".utf8) }
        append(text, to: &bytes)
        if !isPlain { bytes.append(contentsOf: "</bdi>".utf8) }
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"), UInt8(ascii: "\""), UInt8(ascii: "'"): true
        case 0x09, 0x0A, 0x0D: false
        default: byte < 0x20 || byte == 0x7F
        }
    }

    private static func replacement(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "<"): "&lt;"
        case UInt8(ascii: ">"): "&gt;"
        case UInt8(ascii: "&"): "&amp;"
        case UInt8(ascii: "\""): "&quot;"
        case UInt8(ascii: "'"): "&#39;"
        // Control characters have no place in HTML: show that one was there.
        default: "\u{FFFD}"
        }
    }
}
