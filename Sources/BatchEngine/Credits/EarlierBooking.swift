import Domain
import Postgres

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
