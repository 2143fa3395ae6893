/// What became of one batch and of its credit: conserved as a whole and for every lot, with the rows of the ledger
/// behind it.
///
/// It says nothing of the moment at which it is asked for: the receipt of a settled batch is the same whenever it is
/// written, by whomever, whatever happens to others and to what its tasks contained.
public struct SettlementReceipt: Sendable, Hashable, Encodable {
    /// The batch's tasks by what became of them. Each is in one number.
    public struct Items: Sendable, Hashable, Encodable {
        public var succeeded: Int64
        /// Refused or given up by the provider; of an application's own batches, whatever did not succeed.
        public var failed: Int64
        public var cancelled: Int64
        /// Not handed over, or not rendered, in time.
        public var expired: Int64
        /// Given up without anybody knowing whether the provider took them.
        public var unknown: Int64
        /// Not ended: none in a settled batch.
        public var open: Int64

        public init(
            succeeded: Int64 = 0, failed: Int64 = 0, cancelled: Int64 = 0, expired: Int64 = 0, unknown: Int64 = 0,
            open: Int64 = 0
        ) {
            self.succeeded = succeeded
            self.failed = failed
            self.cancelled = cancelled
            self.expired = expired
            self.unknown = unknown
            self.open = open
        }

        public var total: Int64 { succeeded + failed + cancelled + expired + unknown + open }
    }

    /// Where credits went that were frozen, or what they cost: frozen = charged + refunded + held.
    public struct Parts<Amount: Sendable & Hashable & Encodable>: Sendable, Hashable, Encodable {
        public let frozen: Amount
        public let charged: Amount
        public let refunded: Amount
        public let held: Amount
    }

    /// One purchase or grant that paid for a part of the batch.
    public struct Lot: Sendable, Hashable, Encodable {
        /// The engine's number of it; nil where only the ledger tells.
        public let lotID: String?
        /// The ledger row that brought the credit in; nil where none did.
        public let openedBy: String?
        public let bucket: String
        public let models: [String]
        public let credits: Parts<Int64>
        public let costUSD: Parts<String>
        /// Of what was refunded, the credits that expired as they came back: their lot's time was over.
        public let expiredAgain: Int64

        enum CodingKeys: String, CodingKey {
            case lotID = "lotId"
            case openedBy, bucket, models, credits
            case costUSD = "costUsd"
            case expiredAgain
        }
    }

    /// A row of the ledger.
    public struct Entry: Sendable, Hashable, Encodable {
        public enum Kind: String, Sendable, Hashable, Encodable {
            case freeze, refund
            /// What came back to a lot whose time was over.
            case expiry
        }

        public let entryID: String
        public let kind: Kind
        public let lotID: String?
        public let model: String
        public let credits: Int64
        public let postedAt: String?
        let cost: Dollars?

        public init(
            id: Int64, kind: Kind, lot: Int64?, model: String, credits: Int64, cost: Dollars?, postedAt: Instant?
        ) {
            entryID = String(id)
            self.kind = kind
            lotID = lot.map(String.init)
            self.model = model
            self.credits = credits
            self.cost = cost
            self.postedAt = postedAt?.description
        }

        enum CodingKeys: String, CodingKey {
            case entryID = "entryId"
            case kind
            case lotID = "lotId"
            case model, credits, postedAt
        }
    }

    /// Two numbers that should be one.
    public struct Difference: Sendable, Hashable, Encodable {
        /// What does not add up: `items`, `credits`, `cost`, `lots`, `lot`, `batch`.
        public let what: String
        public let lotID: String?
        /// One sentence with both numbers in it.
        public let detail: String
        /// By how much: credits, items, or millionths of a dollar of a `cost`.
        public let difference: Int64

        enum CodingKeys: String, CodingKey {
            case what
            case lotID = "lotId"
            case detail, difference
        }
    }

    /// The name of this form of a receipt.
    private let form = "settlement receipt 1"
    public let batchID: String
    public let userID: String
    /// `engine` or `app`: who runs the batch.
    public let owner: String
    public let requestID: String?
    public let createdAt: String?
    public let settled: Bool
    public let settledAt: String?
    /// True where nobody wrote down when it was settled.
    public let settledAtEstimated: Bool
    /// `engine`: the lots that the engine drew from. `ledger`: worked out from the ledger, first in, first out.
    public let lotsFrom: String
    public let items: Items
    public let credits: Parts<Int64>
    public let costUSD: Parts<String>
    public let lots: [Lot]
    public let entries: [Entry]
    public let conserved: Bool
    public let differences: [Difference]

    enum CodingKeys: String, CodingKey {
        case form
        case batchID = "batchId"
        case userID = "userId"
        case owner
        case requestID = "requestId"
        case createdAt, settled, settledAt, settledAtEstimated, lotsFrom, items, credits
        case costUSD = "costUsd"
        case lots, entries, conserved, differences
    }
}

extension SettlementReceipt {
    /// What a freeze took of one lot for one model, and what came back of it.
    public struct Draw: Sendable, Hashable {
        public let lot: Int64?
        public let openedBy: Int64?
        public let bucket: String
        public let model: String
        public let credits: Int64
        public let cost: Dollars
        public let returned: Int64
        public let returnedCost: Dollars

        public init(
            lot: Int64?, openedBy: Int64?, bucket: String, model: String, credits: Int64, cost: Dollars,
            returned: Int64, returnedCost: Dollars
        ) {
            self.lot = lot
            self.openedBy = openedBy
            self.bucket = bucket
            self.model = model
            self.credits = credits
            self.cost = cost
            self.returned = returned
            self.returnedCost = returnedCost
        }
    }

    /// The books' own numbers of a batch, each from where it is written down.
    public struct Facts: Sendable {
        public var batchID: String
        public var userID: String
        public var owner: String
        public var requestID: String?
        public var createdAt: Instant?
        public var isSettled: Bool
        public var settledAt: Instant?
        public var isSettlementEstimated: Bool
        /// Counted from the tasks.
        public var items: Items
        /// What the succeeded tasks cost, in credits.
        public var delivered: Int64
        /// What the batch says of itself; nil where it does not.
        public var stated: (items: Int64?, frozen: Int64?, spent: Int64?)
        /// In the order in which they were posted.
        public var entries: [Entry]
        /// In the order in which they were taken.
        public var draws: [Draw]
        /// True where the draws are the engine's own record, false where they are worked out from the ledger.
        public var areDrawsKept: Bool

        public init(batchID: String, userID: String, owner: String) {
            self.batchID = batchID
            self.userID = userID
            self.owner = owner
            isSettled = false
            isSettlementEstimated = false
            items = Items()
            delivered = 0
            stated = (nil, nil, nil)
            entries = []
            draws = []
            areDrawsKept = true
        }
    }

    /// Adds up what the books say, and compares it with what they say elsewhere.
    public init(_ facts: Facts) {
        let frozen = -facts.entries.filter { $0.kind == .freeze }.reduce(0) { $0 + $1.credits }
        let refunded = facts.entries.filter { $0.kind == .refund }.reduce(0) { $0 + $1.credits }
        let isSettled = facts.isSettled
        batchID = facts.batchID
        userID = facts.userID
        owner = facts.owner
        requestID = facts.requestID
        createdAt = facts.createdAt?.description
        settled = isSettled
        settledAt = isSettled ? facts.settledAt?.description : nil
        settledAtEstimated = isSettled && facts.isSettlementEstimated
        lotsFrom = facts.areDrawsKept ? "engine" : "ledger"
        items = facts.items
        credits = Parts(
            frozen: frozen, charged: isSettled ? facts.delivered : 0, refunded: refunded,
            held: isSettled ? 0 : frozen - refunded)
        let taken = Self.sum(facts.draws.map(\.cost))
        let returned = Self.sum(facts.draws.map(\.returnedCost))
        costUSD = Self.costs(taken, returned, isSettled)
        lots = Self.lots(facts)
        entries = facts.entries
        differences = Self.differences(facts, credits)
        conserved = differences.isEmpty
    }

    private static func sum(_ costs: [Dollars]) -> Int64 { costs.reduce(0) { $0 + $1.micros } }

    private static func costs(_ taken: Int64, _ returned: Int64, _ isSettled: Bool) -> Parts<String> {
        func text(_ micros: Int64) -> String { Dollars(micros: micros).description }
        return Parts(
            frozen: text(taken), charged: text(isSettled ? taken - returned : 0), refunded: text(returned),
            held: text(isSettled ? 0 : taken - returned))
    }

    /// What a draw came out of, for the receipt's lines.
    private struct Source: Hashable {
        let lot: Int64?
        let openedBy: Int64?
        let bucket: String
    }

    /// The draws by lot, in the order in which the lots were first taken from.
    private static func grouped(_ draws: [Draw]) -> [(source: Source, draws: [Draw])] {
        var order: [Source] = []
        var groups: [Source: [Draw]] = [:]
        for draw in draws {
            let source = Source(lot: draw.lot, openedBy: draw.openedBy, bucket: draw.bucket)
            if groups[source] == nil { order.append(source) }
            groups[source, default: []].append(draw)
        }
        return order.map { ($0, groups[$0] ?? []) }
    }

    private static func lots(_ facts: Facts) -> [Lot] {
        grouped(facts.draws).map { source, draws in
            let taken = draws.reduce(0) { $0 + $1.credits }
            let returned = draws.reduce(0) { $0 + $1.returned }
            let lot = source.lot.map(String.init)
            let expired = facts.entries.filter { $0.kind == .expiry && $0.lotID == lot }.reduce(0) { $0 - $1.credits }
            return Lot(
                lotID: lot, openedBy: source.openedBy.map(String.init), bucket: source.bucket,
                models: Set(draws.map(\.model)).sorted(),
                credits: Parts(
                    frozen: taken, charged: facts.isSettled ? taken - returned : 0, refunded: returned,
                    held: facts.isSettled ? 0 : taken - returned),
                costUSD: costs(sum(draws.map(\.cost)), sum(draws.map(\.returnedCost)), facts.isSettled),
                expiredAgain: expired)
        }
    }

    /// Everything that does not add up.
    private static func differences(_ facts: Facts, _ credits: Parts<Int64>) -> [Difference] {
        var found: [Difference] = []
        func compare(_ what: String, lot: String? = nil, _ left: Int64?, _ right: Int64, _ detail: String) {
            guard let left, left != right else { return }
            found.append(
                Difference(
                    what: what, lotID: lot, detail: "\(detail): \(left) and \(right).", difference: right - left))
        }
        compare("items", facts.stated.items, facts.items.total, "The items of the batch, and its tasks")
        if facts.isSettled { compare("items", 0, facts.items.open, "A settled batch has no open task") }
        compare(
            "credits", credits.frozen, credits.charged + credits.refunded + credits.held,
            "Frozen by the ledger, and charged + refunded + held")
        compare("batch", facts.stated.frozen, credits.frozen, "Frozen as the batch says, and by the ledger")
        if facts.isSettled {
            compare("batch", facts.stated.spent, facts.delivered, "Spent as the batch says, and its succeeded tasks")
        }
        let taken = facts.draws.reduce(0) { $0 + $1.credits }
        let returned = facts.draws.reduce(0) { $0 + $1.returned }
        compare("lots", credits.frozen, taken, "Frozen by the ledger, and taken from lots")
        compare("lots", credits.refunded, returned, "Refunded by the ledger, and given back to lots")
        for (source, draws) in grouped(facts.draws) {
            guard facts.areDrawsKept, let lot = source.lot.map(String.init) else { continue }
            let own = facts.entries.filter { $0.lotID == lot }
            // What an application froze before there were lots names none: only the sum can be compared.
            guard own.contains(where: { $0.kind == .freeze }) else { continue }
            for (kind, sign, part) in [(Entry.Kind.freeze, Int64(-1), "taken"), (.refund, 1, "given back")] {
                let rows = own.filter { $0.kind == kind }
                let isFreeze = kind == .freeze
                compare(
                    "lot", lot: lot, rows.reduce(0) { $0 + sign * $1.credits },
                    draws.reduce(0) { $0 + (isFreeze ? $1.credits : $1.returned) },
                    "Credits \(part) by the ledger, and by the lot")
                compare(
                    "cost", lot: lot, sum(rows.compactMap(\.cost)),
                    sum(draws.map { isFreeze ? $0.cost : $0.returnedCost }),
                    "Millionths of a dollar \(part) by the ledger, and by the lot")
            }
        }
        return found
    }
}
