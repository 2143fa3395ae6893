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
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": escaped.append(contentsOf: "&lt;".unicodeScalars)
            case ">": escaped.append(contentsOf: "&gt;".unicodeScalars)
            case "&": escaped.append(contentsOf: "&amp;".unicodeScalars)
            case "\"": escaped.append(contentsOf: "&quot;".unicodeScalars)
            case "'": escaped.append(contentsOf: "&#39;".unicodeScalars)
            default:
                // Control characters have no place in HTML: show that one was there.
                let isControl = scalar.value < 0x20 && scalar != "\t" && scalar != "\n" && scalar != "\r"
                escaped.append(isControl || scalar.value == 0x7F ? "\u{FFFD}" : scalar)
            }
        }
        return String(escaped)
    }
}
