/// What stands above or below a printed page.
///
/// The text is literal, but for ``page``, ``pages`` and ``sheet``; there is never a date, which would be the reader's.
public struct PageText: Hashable, Sendable {
    /// The number of the page.
    public static let page = "{page}"
    /// The number of pages.
    public static let pages = "{pages}"
    /// The name of the sheet.
    public static let sheet = "{sheet}"

    public var left: String
    public var centre: String
    public var right: String

    public init(left: String = "", centre: String = "", right: String = "") {
        self.left = left
        self.centre = centre
        self.right = right
    }

    /// The text in the format's own code; at most 255 UTF-16 units.
    func code() throws(SpreadsheetError) -> String {
        var code = ""
        for (place, text) in [("&L", left), ("&C", centre), ("&R", right)] where !text.isEmpty {
            try PlainText.check(text, .text, "A header or footer")
            code += place + Self.escaped(text)
        }
        guard code.utf16.count <= SpreadsheetLimits.pageTextLength else {
            throw SpreadsheetError(
                .text, "A header or footer is longer than \(SpreadsheetLimits.pageTextLength) characters: \(code)")
        }
        return code
    }

    /// Doubles ampersands and puts in the numbers.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        var previous: Character = " "
        for character in text {
            // The library takes "&G" and "&[" for a picture even behind another ampersand; a space without width
            // parts them.
            if previous == "&", character == "G" || character == "[" { escaped += "\u{200B}" }
            escaped += character == "&" ? "&&" : String(character)
            previous = character
        }
        for (mark, code) in [(page, "&P"), (pages, "&N"), (sheet, "&A")] {
            escaped = escaped.split(separator: mark, omittingEmptySubsequences: false).joined(separator: code)
        }
        return escaped
    }
}
