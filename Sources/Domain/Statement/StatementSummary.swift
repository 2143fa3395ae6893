/// The credits of every line of one statement.
public struct StatementSummary: Sendable, Hashable {
    /// The balance before the first movement of the month.
    public var openingBalance: Int64 = 0
    /// By line, of the rows posted in the month.
    public private(set) var movements: [StatementLine: Int64] = [:]
    /// Held by batches whose freeze is posted and which are not settled, at the start and at the end.
    public var heldOpening: Int64 = 0
    public var heldClosing: Int64 = 0
    /// The cost of the succeeded tasks of batches settled in the month.
    public var delivered: Int64 = 0
    /// Spent for videos without a batch, less what came back of that.
    public var singleVideos: Int64 = 0
    /// Nil where the database has no wallets.
    public var expiredUnbooked: Int64?
    public var unexplained: Int64?

    public init() {}

    /// Adds a movement of the month.
    public mutating func add(_ credits: Int64, to line: StatementLine) {
        precondition(StatementLine.movements.contains(line), "\(line) is no movement")
        movements[line, default: 0] += credits
    }

    /// Takes over a line of a statement that was written before; a line that follows from others is left out.
    public mutating func set(_ line: StatementLine, _ credits: Int64?) {
        switch line {
        case .openingBalance: openingBalance = credits ?? 0
        case .heldOpening: heldOpening = credits ?? 0
        case .heldClosing: heldClosing = credits ?? 0
        case .delivered: delivered = credits ?? 0
        case .singleVideos: singleVideos = credits ?? 0
        case .expiredUnbooked: expiredUnbooked = credits
        case .unexplained: unexplained = credits
        case .closingBalance, .unreconciled: break
        default: movements[line] = credits
        }
    }

    /// Opening balance and lines.
    public var closingBalance: Int64 { movements.values.reduce(openingBalance, +) }

    /// What was frozen and neither came back, was delivered, nor is held: 0 in whole books.
    public var unreconciled: Int64 {
        -self[.spent, 0] - self[.refunds, 0] - delivered - singleVideos - (heldClosing - heldOpening)
    }

    /// The credits of a line; nil where it does not apply.
    public subscript(line: StatementLine) -> Int64? {
        switch line {
        case .openingBalance: openingBalance
        case .closingBalance: closingBalance
        case .heldOpening: heldOpening
        case .heldClosing: heldClosing
        case .delivered: delivered
        case .singleVideos: singleVideos
        case .unreconciled: unreconciled
        case .expiredUnbooked: expiredUnbooked
        case .unexplained: unexplained
        default: self[line, 0]
        }
    }

    private subscript(line: StatementLine, fallback: Int64) -> Int64 { movements[line] ?? fallback }
}

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
