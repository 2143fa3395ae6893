/// What the credits of one customer cost, as they are spent and come back: first in, first out.
///
/// A draw of d credits from a lot that holds m credits worth R costs floor(R·d/m). Giving back r of a draw's n
/// credits, cost C, returns C − floor(C·(n−r)/n) to the lot it came from. So the draws of a lot add up to its price
/// once it is empty, and a refund gives back exactly what was taken.
///
/// Purchases have their price, everything else costs nothing. Bonus credit is drawn for rows that say so.
public struct CostBook: Sendable {
    /// The bucket of purchased credit, and that of granted credit.
    private static let buckets = (permanent: 0, bonus: 1)
    /// What the rows call them.
    private static let names = ["permanent", "bonus"]

    /// What a batch took from one purchase or grant, and what came back of it.
    public struct Origin: Sendable, Hashable {
        /// The ledger row that brought the credit in; nil for credit that was never there.
        public let entry: Int64?
        public let batch: String
        public let model: String
        public let credits: Int64
        public let cost: Dollars
        public let returned: Int64
        public let returnedCost: Dollars
    }

    private struct Lot: Sendable {
        let entry: Int64
        /// What it began with.
        let brought: (credits: Int64, cost: Int64)
        var credits: Int64
        var cost: Int64

        init(entry: Int64, credits: Int64, cost: Int64) {
            self.entry = entry
            brought = (credits, cost)
            self.credits = credits
            self.cost = cost
        }
    }

    /// The lots of one bucket, oldest first.
    private struct Queue: Sendable {
        var lots: [Lot] = []
        /// The first lot that may hold credit.
        var first = 0

        /// Takes at most so many credits from the oldest lot that has any; nil where none has.
        mutating func take(_ wanted: Int64) -> (lot: Int, credits: Int64, cost: Int64)? {
            while first < lots.count, lots[first].credits == 0 { first += 1 }
            guard first < lots.count else { return nil }
            let credits = min(wanted, lots[first].credits)
            let cost = Dollars(micros: lots[first].cost).share(of: credits, in: lots[first].credits).micros
            lots[first].credits -= credits
            lots[first].cost -= cost
            return (first, credits, cost)
        }

        mutating func put(_ credits: Int64, cost: Int64, into lot: Int) {
            lots[lot].credits += credits
            lots[lot].cost += cost
            first = min(first, lot)
        }
    }

    private struct Draw: Sendable {
        /// Nil for credit that was never there: it cost nothing.
        let source: (bucket: Int, lot: Int)?
        let model: String
        let credits: Int64
        let cost: Int64
        var kept: Int64
        var keptCost: Int64
        /// The place of the batch's draw before it; negative for the first.
        var previous = -1

        init(source: (bucket: Int, lot: Int)?, model: String, credits: Int64, cost: Int64) {
            self.source = source
            self.model = model
            self.credits = credits
            self.cost = cost
            kept = credits
            keptCost = cost
        }
    }

    private var queues = [Queue(), Queue()]
    private var draws: [Draw] = []
    /// The place of each batch's last draw.
    private var lastDraws: [BatchReference: Int] = [:]
    /// Credits spent that no lot covers.
    public private(set) var uncovered: Int64 = 0
    /// What is left in all lots cost so much.
    private var remainingMicros: Int64 = 0
    /// The rows whose credit the last posted row took from, each once for every part that it took.
    public private(set) var drawnEntries: [Int64] = []
    /// Rows before it are in what the book began with.
    private var carriedTo: Instant?

    public init() {}

    /// Begins with what was carried forward: rows before the cutoff, where they come, are left out.
    public init(_ carried: CarriedCosts, cutoff: Instant) {
        carriedTo = cutoff
        var places: [(bucket: Int, lot: Int)] = []
        for lot in carried.lots {
            let bucket = lot.bucket == Self.names[Self.buckets.bonus] ? Self.buckets.bonus : Self.buckets.permanent
            places.append((bucket, queues[bucket].lots.count))
            queues[bucket].lots.append(Lot(entry: lot.entry, credits: lot.credits, cost: lot.cost.micros))
            remainingMicros += lot.cost.micros
        }
        for draw in carried.draws {
            var own = Draw(
                source: draw.lot.flatMap { places.indices.contains($0) ? places[$0] : nil }, model: draw.model,
                credits: draw.credits, cost: draw.cost.micros)
            own.kept = draw.kept
            own.keptCost = draw.keptCost.micros
            add(own, to: BatchReference(draw.batch))
        }
        uncovered = carried.uncovered
    }

    /// What is to be carried forward: lots that hold credit, and what the batches that can still change drew.
    public func carried(_ canChange: (_ batch: String) -> Bool) -> CarriedCosts {
        let open = lastDraws.keys.map(\.text).filter(canChange).sorted().map { ($0, draws(of: BatchReference($0))) }
        var wanted = [Set<Int>(), Set<Int>()]
        for case let source? in open.flatMap(\.1).map(\.source) { wanted[source.bucket].insert(source.lot) }
        var carried = CarriedCosts(uncovered: uncovered)
        var places = [[Int: Int](), [Int: Int]()]
        for bucket in queues.indices {
            for (index, lot) in queues[bucket].lots.enumerated()
            where lot.credits > 0 || wanted[bucket].contains(index) {
                places[bucket][index] = carried.lots.count
                carried.lots.append(
                    CarriedCosts.Lot(
                        bucket: Self.names[bucket], entry: lot.entry, credits: lot.credits,
                        cost: Dollars(micros: lot.cost)))
            }
        }
        carried.draws = open.flatMap { batch, draws in
            draws.map { draw in
                CarriedCosts.Draw(
                    batch: batch, lot: draw.source.flatMap { places[$0.bucket][$0.lot] }, model: draw.model,
                    credits: draw.credits, cost: Dollars(micros: draw.cost), kept: draw.kept,
                    keptCost: Dollars(micros: draw.keptCost))
            }
        }
        return carried
    }

    /// Every purchase and every grant in the order in which their credit is spent, the purchases first; those too of
    /// which nothing is left.
    public var holdings: [Holding] {
        zip([false, true], queues).flatMap { isBonus, queue in
            queue.lots.map { lot in
                Holding(
                    entry: lot.entry, isBonus: isBonus,
                    brought: StatementPackage.Amount(
                        credits: lot.brought.credits, cost: Dollars(micros: lot.brought.cost)),
                    left: StatementPackage.Amount(credits: lot.credits, cost: Dollars(micros: lot.cost)))
            }
        }
    }

    /// Credits left in all lots.
    public var remaining: Int64 { queues.reduce(0) { $0 + $1.lots.reduce(0) { $0 + $1.credits } } }
    /// What they cost.
    public var remainingCost: Dollars { Dollars(micros: remainingMicros) }

    /// Takes over a row of the ledger, and says what the credit cost that it took or gave back.
    @discardableResult
    public mutating func post(_ movement: Movement) -> Dollars {
        drawnEntries.removeAll(keepingCapacity: true)
        if let carriedTo, let postedAt = movement.postedAt, postedAt < carriedTo { return .zero }
        let before = remainingMicros
        place(movement)
        return movement.isPurchase ? .zero : Dollars(micros: abs(remainingMicros - before))
    }

    private mutating func place(_ movement: Movement) {
        let bucket = movement.isBonus ? Self.buckets.bonus : Self.buckets.permanent
        let credits = movement.credits
        if credits > 0, movement.reference == .refund || movement.reference == .single {
            let rest = giveBack(credits, to: movement.batch, model: movement.model)
            if rest > 0 { queues[bucket].lots.append(Lot(entry: movement.entry, credits: rest, cost: 0)) }
        } else if credits > 0 {
            // A grant or an adjustment brings credit that cost nothing.
            let cost = movement.isPurchase ? movement.price ?? PriceList.price(ofCredits: credits) : .zero
            queues[bucket].lots.append(Lot(entry: movement.entry, credits: credits, cost: cost.micros))
            remainingMicros += cost.micros
        } else if credits < 0, movement.reference == .freeze || movement.reference == .single {
            take(-credits, from: bucket, model: movement.model, for: movement.batch)
        } else {
            take(-credits, from: bucket, model: movement.model, for: nil)
        }
    }

    /// What the credits that a batch has not given back cost, for one model or for all of them.
    public func cost(ofBatch batch: String, model: String? = nil) -> Dollars {
        let own = draws(of: BatchReference(batch)).filter { draw in model.map { $0 == draw.model } ?? true }
        return Dollars(micros: own.reduce(0) { $0 + $1.keptCost })
    }

    /// Where the credits of a batch came from, in the order in which they were taken.
    public func origins(ofBatch batch: String) -> [Origin] { origins(of: BatchReference(batch)) }

    /// Where the credits of a batch or of a single video came from, in the order in which they were taken.
    public func origins(of reference: BatchReference) -> [Origin] {
        draws(of: reference).map { draw in
            Origin(
                entry: draw.source.map { queues[$0.bucket].lots[$0.lot].entry }, batch: reference.text,
                model: draw.model,
                credits: draw.credits, cost: Dollars(micros: draw.cost), returned: draw.credits - draw.kept,
                returnedCost: Dollars(micros: draw.cost - draw.keptCost))
        }
    }

    /// What batches took from the credit that one row brought in, by batch.
    public func uses(ofEntry entry: Int64) -> [Origin] {
        lastDraws.keys.sorted { $0.text < $1.text }.flatMap { origins(of: $0).filter { $0.entry == entry } }
    }

    /// What is left of the credit that one row brought in, and what it cost.
    public func remainder(ofEntry entry: Int64) -> (credits: Int64, cost: Dollars) {
        let lots = queues.flatMap(\.lots).filter { $0.entry == entry }
        return (lots.reduce(0) { $0 + $1.credits }, Dollars(micros: lots.reduce(0) { $0 + $1.cost }))
    }

    /// The draws of a batch, in the order in which they were taken.
    private func draws(of batch: BatchReference) -> [Draw] {
        var own: [Draw] = []
        var place = lastDraws[batch] ?? -1
        while place >= 0 {
            own.append(draws[place])
            place = draws[place].previous
        }
        return own.reversed()
    }

    private mutating func add(_ draw: Draw, to batch: BatchReference) {
        var draw = draw
        draw.previous = lastDraws.updateValue(draws.count, forKey: batch) ?? -1
        draws.append(draw)
    }

    /// Draws from a bucket, and where that is empty from the other. Nobody gives back what is drawn for no batch.
    private mutating func take(_ credits: Int64, from bucket: Int, model: String, for batch: BatchReference?) {
        var left = credits
        for bucket in [bucket, 1 - bucket] {
            while left > 0, let part = queues[bucket].take(left) {
                remainingMicros -= part.cost
                drawnEntries.append(queues[bucket].lots[part.lot].entry)
                if let batch {
                    let source = (bucket, part.lot)
                    add(Draw(source: source, model: model, credits: part.credits, cost: part.cost), to: batch)
                }
                left -= part.credits
            }
        }
        guard left > 0 else { return }
        uncovered += left
        if let batch { add(Draw(source: nil, model: model, credits: left, cost: 0), to: batch) }
    }

    /// Gives back to the draws of a batch, the last first: those of the model, then the others. Gives what was never
    /// drawn.
    private mutating func giveBack(_ credits: Int64, to batch: BatchReference?, model: String) -> Int64 {
        var left = credits
        guard let batch, let last = lastDraws[batch] else { return left }
        for isOfModel in [true, false] {
            var place = last
            while place >= 0, left > 0 {
                if draws[place].kept > 0, (draws[place].model == model) == isOfModel {
                    left -= giveBack(left, toDraw: place)
                }
                place = draws[place].previous
            }
        }
        return left
    }

    /// Gives back at most what a draw still has, and says how much that was.
    private mutating func giveBack(_ credits: Int64, toDraw place: Int) -> Int64 {
        let draw = draws[place]
        let back = min(credits, draw.kept)
        let stays = Dollars(micros: draw.keptCost).share(of: draw.kept - back, in: draw.kept)
        if let source = draw.source {
            queues[source.bucket].put(back, cost: draw.keptCost - stays.micros, into: source.lot)
            remainingMicros += draw.keptCost - stays.micros
        }
        draws[place].kept -= back
        draws[place].keptCost = stays.micros
        return back
    }
}
