/// A prepaid package of the price list.
public enum CreditPackage: Int64, Sendable, CaseIterable {
    case twoThousand = 2000
    case fiveThousand = 5000
    case tenThousand = 10_000

    /// What it costs.
    public var price: Dollars { Dollars(micros: rawValue * 1_000_000) }

    /// Credits it holds.
    public var credits: Int64 {
        switch self {
        case .twoThousand: 95_000
        case .fiveThousand: 262_500
        case .tenThousand: 575_000
        }
    }
}
