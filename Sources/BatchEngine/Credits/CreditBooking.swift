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

    /// Throws `usage` where the numbers make no sense or a word is missing.
    public init(kind: Kind, reference: String, author: String, reason: String?) throws(DaybookError) {
        switch kind {
        case .purchase(_, let price):
            guard (0...Limits.toldPriceMicros).contains(price.micros) else {
                throw .usage("A purchase costs from 0 to \(Dollars(micros: Limits.toldPriceMicros)) USD.")
            }
        case .grant: break
        case .adjustment:
            guard reason?.isEmpty == false else { throw .usage("An adjustment needs a reason: --reason TEXT") }
        }
        guard (1...UInt64(Limits.walletCredits)).contains(kind.credits.magnitude),
            kind.credits > 0 || kind.isAdjustment
        else {
            throw .usage(
                kind.isAdjustment
                    ? "A correction is by 1 to \(Limits.walletCredits) credits, up or down."
                    : "Credits must lie between 1 and \(Limits.walletCredits).")
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
