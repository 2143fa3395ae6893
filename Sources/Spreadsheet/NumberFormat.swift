/// How a number is shown, in the code of spreadsheets (`#,##0.00`).
public struct NumberFormat: Hashable, Sendable, ExpressibleByStringLiteral {
    /// The code, at most 127 bytes.
    public let code: String

    public init(_ code: String) {
        self.code = code
    }

    public init(stringLiteral code: String) {
        self.init(code)
    }

    /// Whole numbers, grouped by thousands.
    public static let integer: NumberFormat = "#,##0"
    /// A number of per cent (99.8611, not 0.998611), four decimals.
    public static let percentage: NumberFormat = "0.0000\"%\""
    /// A share of one (0.998611), shown as per cent with four decimals.
    public static let share: NumberFormat = "0.0000%"
    /// Seconds with three decimals.
    public static let seconds: NumberFormat = "#,##0.000"
    /// US dollars with two decimals.
    public static let dollars: NumberFormat = "$#,##0.00"
    /// US dollars with up to six decimals, at least two.
    public static let unitPrice: NumberFormat = "$#,##0.00####"
    /// Text that stays as it is when somebody edits the cell.
    public static let text: NumberFormat = "@"
}
