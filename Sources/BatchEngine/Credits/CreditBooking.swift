public import Domain
import Postgres

/// Credit to be booked by a person: bought, granted, or corrected.
public struct CreditBooking: Sendable, Hashable {
    /// What is booked.
    public enum Kind: Sendable, Hashable {
        /// Credits that were paid for; they never expire.
        case purchase(credits: Int64, price: Dollars)
        /// Credits given away; never for Veo-Pro.
        case grant(credits: Int64, expiresAt: Instant?)
        /// A correction: up as a purchased lot that cost nothing, down in the order of drawing.
        case adjustment(credits: Int64)

        /// The credits that come in; negative for what goes out.
        var credits: Int64 {
            switch self {
            case .purchase(let credits, _), .grant(let credits, _), .adjustment(let credits): credits
            }
        }

        /// True for a correction, which alone may take credit out.
        var isAdjustment: Bool { if case .adjustment = self { true } else { false } }
    }

    public let kind: Kind
    /// An invoice, a payment, a ticket: the same one is never booked twice for a customer.
    public let reference: String
    /// Who books it.
    public let author: String
    /// Why; an adjustment needs one.
    public let reason: String?

    /// Blanks around a reference come from copying it: with and without them it is the same one.
    private static func trimmed(_ text: String) -> String {
        let end = text.lastIndex { !$0.isWhitespace }.map { text.index(after: $0) } ?? text.startIndex
        return String(text[..<end].drop(while: \.isWhitespace))
    }

    /// Throws `usage` where the numbers make no sense, and ``EngineFault`` as `incompleteBooking` where a word is
    /// missing.
    public init(kind: Kind, reference: String, author: String, reason: String?) throws {
        switch kind {
        case .purchase(_, let price):
            guard (0...Limits.toldPriceMicros).contains(price.micros) else {
                throw DaybookError.usage("A purchase costs from 0 to \(Dollars(micros: Limits.toldPriceMicros)) USD.")
            }
        case .grant: break
        case .adjustment:
            guard reason?.isEmpty == false else { throw EngineFault.incompleteBooking(.reason) }
        }
        guard (1...UInt64(Limits.walletCredits)).contains(kind.credits.magnitude),
            kind.credits > 0 || kind.isAdjustment
        else {
            throw DaybookError.usage(
                kind.isAdjustment
                    ? "A correction is by 1 to \(Limits.walletCredits) credits, up or down."
                    : "Credits must lie between 1 and \(Limits.walletCredits).")
        }
        let reference = Self.trimmed(reference)
        guard !reference.isEmpty, reference.count <= Limits.remarkLength else {
            throw EngineFault.incompleteBooking(.reference)
        }
        guard !author.isEmpty, author.count <= Limits.nameLength else {
            throw EngineFault.incompleteBooking(.author)
        }
        self.kind = kind
        self.reference = reference
        self.author = author
        self.reason = reason
    }
}

/// What was booked before under a reference: the same again changes nothing, and something else is a mistake that
/// nobody would notice.
struct EarlierBooking {
    private let kind: String
    private let credits: Int64
    private let price: Dollars
    private let expiresAt: Instant?
    private let bookedAt: Instant

    /// Reads it, whatever its kind; nil where the reference is new for the customer.
    init?(_ reference: String, of userID: String, _ session: Session) throws {
        let rows = try session.query(
            """
            SELECT e.kind, sum(e.credits)::bigint AS credits, (sum(e.cost_usd) * 1000000)::bigint AS price_micros,
                max(l.expires_at) AS expires_at, min(e.effective_at) AS booked_at
            FROM daybook.entry AS e LEFT JOIN daybook.lot AS l ON l.user_id = e.user_id AND l.lot_id = e.lot_id
            WHERE e.user_id = $1 AND e.reference = $2 AND e.kind IN ('purchase', 'grant', 'adjustment')
            GROUP BY e.kind ORDER BY min(e.entry_id) LIMIT 1
            """, [.uuid(userID), .text(reference)])
        guard let row = rows.first else { return nil }
        kind = try row.text("kind")
        credits = try row.int("credits")
        price = Dollars(micros: try row.int("price_micros"))
        expiresAt = try row.optionalInstant("expires_at")
        bookedAt = try row.instant("booked_at")
    }

    /// Throws `badData` with what was booked, where kind, credits, price or expiry differ.
    func requireSame(as booking: CreditBooking) throws(DaybookError) {
        let isSame =
            switch booking.kind {
            case .purchase(let credits, let price):
                kind == "purchase" && self.credits == credits && self.price == price
            case .grant(let credits, let expiresAt):
                kind == "grant" && self.credits == credits && self.expiresAt == expiresAt
            case .adjustment(let credits): kind == "adjustment" && self.credits == credits
            }
        guard !isSame else { return }
        throw .badData(
            "\"\(booking.reference)\" was booked at \(bookedAt) as \(description), which this booking is not; "
                + "nothing was booked. Give another booking a reference of its own.")
    }

    private var description: String {
        switch kind {
        case "purchase": "a purchase of \(credits) credits for \(price) USD"
        case "grant":
            "a bonus of \(credits) credits" + (expiresAt.map { " that expires at \($0)" } ?? " that never expires")
        default: "an adjustment by \(credits) credits"
        }
    }
}
