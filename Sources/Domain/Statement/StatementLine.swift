/// The lines of a statement's summary, in its order.
public enum StatementLine: String, Sendable, CaseIterable {
    case openingBalance = "opening_balance"
    case purchases
    case bonusGrants = "bonus_grants"
    case spent
    case refunds
    case adjustments
    case expired
    case closingBalance = "closing_balance"
    case heldOpening = "held_opening"
    case heldClosing = "held_closing"
    case delivered
    case singleVideos = "single_videos"
    case unreconciled
    case expiredUnbooked = "expired_unbooked"
    case unexplained

    /// The lines that lead from the opening to the closing balance.
    public static let movements: [StatementLine] = [
        .purchases, .bonusGrants, .spent, .refunds, .adjustments, .expired,
    ]

    /// The lines that are 0 where the books are whole.
    public static let checks: [StatementLine] = [.unreconciled, .expiredUnbooked, .unexplained]

    /// The name for people.
    public var title: String {
        switch self {
        case .openingBalance: "Opening balance"
        case .purchases: "Credits purchased"
        case .bonusGrants: "Bonus credits granted"
        case .spent: "Credits frozen for batches"
        case .refunds: "Credits refunded"
        case .adjustments: "Adjustments"
        case .expired: "Bonus credits expired"
        case .closingBalance: "Closing balance"
        case .heldOpening: "Held by open batches at the start"
        case .heldClosing: "Held by open batches at the end"
        case .delivered: "Delivered: videos of batches settled in the month"
        case .singleVideos: "Single videos, less what came back of them"
        case .unreconciled: "Unreconciled"
        case .expiredUnbooked: "Expired, but not booked yet"
        case .unexplained: "Unexplained: wallet less ledger"
        }
    }
}
