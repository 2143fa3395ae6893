public import Domain

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

    /// Throws `usage` where the numbers make no sense or a word is missing.
    public init(kind: Kind, reference: String, author: String, reason: String?) throws(DaybookError) {
        let credits: Int64
        switch kind {
        case .purchase(let bought, let price):
            credits = bought
            guard price >= .zero else { throw .usage("A purchase cannot cost less than nothing.") }
        case .grant(let granted, _): credits = granted
        case .adjustment(let difference):
            credits = difference.magnitude > UInt64(Limits.walletCredits) ? 0 : abs(difference)
            guard reason?.isEmpty == false else { throw .usage("An adjustment needs a reason: --reason TEXT") }
        }
        guard (1...Limits.walletCredits).contains(credits) else {
            throw .usage("Credits must lie between 1 and \(Limits.walletCredits).")
        }
        let reference = Self.trimmed(reference)
        guard !reference.isEmpty, reference.count <= Limits.remarkLength else {
            throw .usage(
                "A reference has 1 to \(Limits.remarkLength) characters, blanks around it apart: --reference TEXT"
            )
        }
        guard !author.isEmpty, author.count <= Limits.nameLength else {
            throw .usage("Name who books it: --author NAME")
        }
        self.kind = kind
        self.reference = reference
        self.author = author
        self.reason = reason
    }
}
