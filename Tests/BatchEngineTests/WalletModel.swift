import Domain

/// A customer's credit: lots, and the rules by which credit is drawn from them and comes back.
///
/// A pure value, and the measure of what the database does in SQL.
struct Wallet: Sendable, Hashable {
    /// A freeze that the credit does not suffice for.
    struct Shortage: Error, Sendable, Hashable {
        /// Credits asked for.
        let required: Int64
    }

    /// Credits that expired, or came back: of which lot, and what they cost.
    struct Movement: Sendable, Hashable {
        let lotID: Int64
        let credits: Int64
        let cost: Dollars
        /// True where the credit went out again at once, because its lot has expired.
        var isExpired = false
    }

    /// The lots in no particular order, the empty ones too.
    private(set) var lots: [Lot] = []

    /// Credits that can be spent, expired or not swept yet included.
    var total: Int64 { lots.reduce(0) { $0 + $1.remaining } }

    /// Credits of one kind.
    func total(_ kind: Lot.Kind) -> Int64 { lots.reduce(0) { $0 + ($1.kind == kind ? $1.remaining : 0) } }

    /// Adds a lot.
    mutating func open(_ lot: Lot) { lots.append(lot) }

    /// Takes out what has expired, and says what that was.
    mutating func expire(at instant: Instant) -> [Movement] {
        lots.indices.filter { lots[$0].remaining > 0 && lots[$0].isExpired(at: instant) }.map { index in
            defer {
                lots[index].remaining = 0
                lots[index].remainingCost = .zero
            }
            return Movement(
                lotID: lots[index].id, credits: lots[index].remaining, cost: lots[index].remainingCost, isExpired: true)
        }
    }

    /// Freezes credits for models, all or nothing; the models draw in the order of their names.
    ///
    /// Throws ``Shortage`` and changes nothing where the credit does not suffice. Precondition: what has expired was
    /// taken out.
    mutating func freeze(_ amounts: [VideoModel: Int64]) throws(Shortage) -> [Draw] {
        var changed = self
        var draws: [Draw] = []
        for (model, amount) in amounts.sorted(by: { $0.key < $1.key }) {
            var left = amount
            for index in changed.drawOrder where left > 0 && (model.takesBonus || lots[index].kind == .purchased) {
                let credits = min(left, changed.lots[index].remaining)
                guard credits > 0 else { continue }
                draws.append(changed.draw(credits, from: index, for: model))
                left -= credits
            }
            guard left == 0 else { throw Shortage(required: amounts.values.reduce(0, +)) }
        }
        self = changed
        return draws
    }

    /// Takes credits out of the lots in their order, for no model; false and no change where there are not so many.
    mutating func takeOut(_ credits: Int64) -> Bool {
        guard credits <= total else { return false }
        var left = credits
        for index in drawOrder where left > 0 {
            let taken = min(left, lots[index].remaining)
            if taken > 0 { _ = draw(taken, from: index, for: .sora2) }
            left -= taken
        }
        return true
    }

    /// Gives credits of a model back to the lots they came from, the last that was drawn first.
    ///
    /// Precondition: the draws still hold that much of the model.
    mutating func giveBack(
        _ credits: Int64, of model: VideoModel, to draws: inout [Draw], at instant: Instant
    ) -> [Movement] {
        var left = credits
        var movements: [Movement] = []
        for index in draws.indices.reversed() where draws[index].model == model && left > 0 && draws[index].kept > 0 {
            let back = min(left, draws[index].kept)
            let stays = draws[index].keptCost.share(of: draws[index].kept - back, in: draws[index].kept)
            let cost = Dollars(micros: draws[index].keptCost.micros - stays.micros)
            draws[index].returned += back
            draws[index].returnedCost = Dollars(micros: draws[index].returnedCost.micros + cost.micros)
            left -= back
            movements.append(put(back, cost: cost, into: draws[index].lotID, at: instant))
        }
        precondition(left == 0, "a batch cannot give back more than it froze")
        return movements
    }

    private var drawOrder: [Int] { lots.indices.sorted { Lot.isDrawnBefore(lots[$0], lots[$1]) } }

    private mutating func draw(_ credits: Int64, from index: Int, for model: VideoModel) -> Draw {
        let cost = lots[index].remainingCost.share(of: credits, in: lots[index].remaining)
        lots[index].remaining -= credits
        lots[index].remainingCost = Dollars(micros: lots[index].remainingCost.micros - cost.micros)
        return Draw(lotID: lots[index].id, model: model, credits: credits, cost: cost)
    }

    private mutating func put(_ credits: Int64, cost: Dollars, into lotID: Int64, at instant: Instant) -> Movement {
        guard let index = lots.firstIndex(where: { $0.id == lotID }) else {
            preconditionFailure("a draw names a lot of its own wallet")
        }
        var movement = Movement(lotID: lotID, credits: credits, cost: cost)
        movement.isExpired = lots[index].isExpired(at: instant)
        if !movement.isExpired {
            lots[index].remaining += credits
            lots[index].remainingCost = Dollars(micros: lots[index].remainingCost.micros + cost.micros)
        }
        return movement
    }
}

/// Credits that were bought or granted together.
struct Lot: Sendable, Hashable {
    /// What kind of credit it holds, in the order in which credit is drawn.
    enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Granted: drawn first, may expire, never pays for Veo-Pro.
        case bonus
        /// Bought: never expires.
        case purchased
    }

    let id: Int64
    let kind: Kind
    /// Credits left in it.
    var remaining: Int64
    /// What the credits left in it cost.
    var remainingCost: Dollars
    let openedAt: Instant
    /// The first instant at which it cannot be spent any more; nil never expires.
    var expiresAt: Instant?

    /// Whether its credit has expired at an instant.
    func isExpired(at instant: Instant) -> Bool { expiresAt.map { $0 <= instant } ?? false }

    /// The order of drawing: bonus before purchased, soonest expiry first, then oldest.
    static func isDrawnBefore(_ left: Lot, _ right: Lot) -> Bool {
        if left.kind != right.kind { return left.kind == .bonus }
        let leftEnd = left.expiresAt ?? .distantFuture
        let rightEnd = right.expiresAt ?? .distantFuture
        if leftEnd != rightEnd { return leftEnd < rightEnd }
        return (left.openedAt, left.id) < (right.openedAt, right.id)
    }
}

/// What one freeze took from one lot for one model, and what came back of it.
struct Draw: Sendable, Hashable {
    let lotID: Int64
    let model: VideoModel
    /// Credits taken.
    let credits: Int64
    /// What those credits cost.
    let cost: Dollars
    /// Credits given back so far.
    var returned: Int64 = 0
    /// The cost that went back with them.
    var returnedCost: Dollars = .zero

    /// Credits that have not come back.
    var kept: Int64 { credits - returned }
    /// The cost of those credits.
    var keptCost: Dollars { Dollars(micros: cost.micros - returnedCost.micros) }
}
