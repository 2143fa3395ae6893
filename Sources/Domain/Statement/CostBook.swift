/// What the purchased credits of one customer cost, as they are spent and come back: first in, first out.
///
/// A draw of d credits from a lot that holds m credits worth R costs floor(R·d/m). Giving back r of a draw's n
/// credits, cost C, returns C − floor(C·(n−r)/n) to the lot it came from. So the draws of a lot add up to its price
/// once it is empty, and a refund gives back exactly what was taken.
public struct CostBook: Sendable {
    private struct Lot: Sendable {
        var credits: Int64
        var cost: Int64
    }

    private struct Draw: Sendable {
        /// Nil for bonus credit and for credit that no purchase covers: it cost nothing.
        let lot: Int?
        let model: String
        var kept: Int64
        var keptCost: Int64
    }

    private var lots: [Lot] = []
    /// The first lot that may hold credit.
    private var first = 0
    private var draws: [String: [Draw]] = [:]
    /// Credits spent that no purchase covers.
    public private(set) var uncovered: Int64 = 0

    public init() {}

    /// Credits left in all lots.
    public var remaining: Int64 { lots.reduce(0) { $0 + $1.credits } }
    /// What they cost.
    public var remainingCost: Dollars { Dollars(micros: lots.reduce(0) { $0 + $1.cost }) }

    /// Takes over a row of the ledger. `model` is that of its batch.
    public mutating func post(_ entry: StatementEntry, model: String) {
        guard entry.credits != 0 else { return }
        if entry.isRefund, entry.credits > 0 {
            giveBack(entry.credits, to: entry.referenceID, model: model, isBonus: entry.isBonus)
        } else if entry.credits > 0 {
            guard !entry.isBonus else { return }
            let isPurchase = entry.type == "purchase"
            let cost = isPurchase ? entry.price ?? PriceList.price(ofCredits: entry.credits) : .zero
            lots.append(Lot(credits: entry.credits, cost: cost.micros))
        } else if entry.isBonus {
            guard entry.isFreeze else { return }
            draws[entry.referenceID, default: []].append(
                Draw(lot: nil, model: model, kept: -entry.credits, keptCost: 0))
        } else {
            take(-entry.credits, for: entry.isFreeze ? entry.referenceID : nil, model: model)
        }
    }

    /// What the credits that a batch has not given back cost, for one model.
    public func cost(ofBatch batch: String, model: String) -> Dollars {
        Dollars(micros: (draws[batch] ?? []).reduce(0) { $0 + ($1.model == model ? $1.keptCost : 0) })
    }

    private mutating func take(_ credits: Int64, for batch: String?, model: String) {
        var left = credits
        var taken: [Draw] = []
        while left > 0 {
            while first < lots.count, lots[first].credits == 0 { first += 1 }
            guard first < lots.count else { break }
            let part = min(left, lots[first].credits)
            let cost = Dollars(micros: lots[first].cost).share(of: part, in: lots[first].credits).micros
            lots[first].credits -= part
            lots[first].cost -= cost
            taken.append(Draw(lot: first, model: model, kept: part, keptCost: cost))
            left -= part
        }
        if left > 0 {
            uncovered += left
            taken.append(Draw(lot: nil, model: model, kept: left, keptCost: 0))
        }
        if let batch { draws[batch, default: []].append(contentsOf: taken) }
    }

    /// Gives back to the draws of the batch, the last first. What goes back to purchased credit although bonus paid
    /// for it, or was never taken, is credit that cost nothing.
    private mutating func giveBack(_ credits: Int64, to batch: String, model: String, isBonus: Bool) {
        var left = credits
        var own = draws[batch] ?? []
        for index in own.indices.reversed() where left > 0 && own[index].kept > 0 {
            guard own[index].model == model, isBonus == false || own[index].lot == nil else { continue }
            let back = min(left, own[index].kept)
            let stays = Dollars(micros: own[index].keptCost).share(of: own[index].kept - back, in: own[index].kept)
            let cost = own[index].keptCost - stays.micros
            own[index].kept -= back
            own[index].keptCost = stays.micros
            left -= back
            if let lot = own[index].lot {
                lots[lot].credits += back
                lots[lot].cost += cost
                first = min(first, lot)
            } else if !isBonus {
                lots.append(Lot(credits: back, cost: 0))
            }
        }
        draws[batch] = own
        if left > 0, !isBonus { lots.append(Lot(credits: left, cost: 0)) }
    }
}
