/// Credits that were bought or granted together.
public struct Lot: Sendable, Hashable {
    /// What kind of credit it holds, in the order in which credit is drawn.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Granted: drawn first, may expire, never pays for Veo-Pro.
        case bonus
        /// Bought: never expires.
        case purchased
    }

    public let id: Int64
    public let kind: Kind
    /// Credits left in it.
    public var remaining: Int64
    /// What the credits left in it cost.
    public var remainingCost: Dollars
    public let openedAt: Instant
    /// The first instant at which it cannot be spent any more; nil never expires.
    public let expiresAt: Instant?

    public init(
        id: Int64, kind: Kind, remaining: Int64, remainingCost: Dollars, openedAt: Instant, expiresAt: Instant? = nil
    ) {
        self.id = id
        self.kind = kind
        self.remaining = remaining
        self.remainingCost = remainingCost
        self.openedAt = openedAt
        self.expiresAt = expiresAt
    }

    /// Whether its credit has expired at an instant.
    public func isExpired(at instant: Instant) -> Bool { expiresAt.map { $0 <= instant } ?? false }

    /// The order of drawing: bonus before purchased, soonest expiry first, then oldest.
    public static func isDrawnBefore(_ left: Lot, _ right: Lot) -> Bool {
        if left.kind != right.kind { return left.kind == .bonus }
        let leftEnd = left.expiresAt ?? .distantFuture
        let rightEnd = right.expiresAt ?? .distantFuture
        if leftEnd != rightEnd { return leftEnd < rightEnd }
        return (left.openedAt, left.id) < (right.openedAt, right.id)
    }
}
