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
