import Domain
import Foundation

/// What may be repeated of a foreign message: one line, of bounded length, without our key, the customer's prompt or an
/// address.
struct Remark {
    /// Texts that must not come out again.
    let secrets: [String]

    init(hiding secrets: [String?]) {
        // Short ones would blot out ordinary words; a key is longer, and a short prompt is no secret worth a word.
        self.secrets = secrets.compactMap(\.self).filter { $0.count >= 6 }
    }

    /// The text, made fit to be logged and shown.
    func clean(_ text: String) -> String {
        var line = String(String.UnicodeScalarView(text.unicodeScalars.map(Self.printable)))
        for secret in secrets { line = line.replacingOccurrences(of: secret, with: "…") }
        line = line.split(separator: " ").map { $0.contains("://") ? "…" : String($0) }.joined(separator: " ")
        return line.count > Limits.remarkLength ? String(line.prefix(Limits.remarkLength - 1)) + "…" : line
    }

    private static func printable(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: " "
        default: scalar
        }
    }
}
