public import Domain

/// One value of a report's table, before anybody decides how it looks.
public enum Cell: Hashable, Sendable {
    /// A value that does not apply.
    case empty
    case text(String)
    case integer(Int64)
    case percent(Percent)
    /// A duration in microseconds; it is shown in seconds, rounded up to three decimals.
    case duration(microseconds: Int64)
    /// A duration that never ended.
    case infinite
    case dollars(Dollars)
    case instant(Instant)
    case boolean(Bool)
    /// An exact decimal as PostgreSQL prints it.
    case decimal(String)

    /// The value as CSV and pages show it, without any quoting.
    public var plainText: String {
        switch self {
        case .empty: ""
        case .text(let text), .decimal(let text): text
        case .integer(let number): String(number)
        case .percent(let percent): percent.description
        case .duration(let microseconds): Seconds.text(microseconds: microseconds)
        case .infinite: "inf"
        case .dollars(let amount): amount.description
        case .instant(let instant): instant.description
        case .boolean(let value): value ? "true" : "false"
        }
    }

    /// True where a spreadsheet might take the value for a formula: text only, numbers never.
    var isText: Bool {
        if case .text = self { true } else { false }
    }
}

extension Cell {
    /// The cell of a value, or an empty one.
    static func optional(_ text: String?) -> Cell { text.map(Cell.text) ?? .empty }
    static func optional(_ number: Int64?) -> Cell { number.map(Cell.integer) ?? .empty }
    static func optional(_ percent: Percent?) -> Cell { percent.map(Cell.percent) ?? .empty }
    static func verdict(_ verdict: Verdict) -> Cell { .text(verdict.rawValue) }
}
