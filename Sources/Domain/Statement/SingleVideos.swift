/// Videos that were bought one by one: rows of the ledger that spend credit for no batch, and refunds that name the
/// same reference.
public struct SingleVideos: Sendable {
    /// What the ledger has of one reference by the end of the month, of one model.
    public struct Charge: Sendable, Hashable {
        public let reference: String
        public let model: String
        /// How many rows spent credit before the month.
        public let rowsBefore: Int64
        /// True where a refund named the reference before the month.
        public let isReturnedBefore: Bool

        public init(reference: String, model: String, rowsBefore: Int64, isReturnedBefore: Bool) {
            self.reference = reference
            self.model = model
            self.rowsBefore = rowsBefore
            self.isReturnedBefore = isReturnedBefore
        }
    }

    /// A refund of the month whose reference is no batch's, with what its credits had cost.
    struct Return: Sendable {
        let entry: StatementEntry
        let cost: Dollars
    }

    private struct Place: Hashable {
        let reference: String
        let model: String
    }

    private let plan: Account.Plan
    private var byModel: [String: StatementUsage] = [:]
    /// Rows of the month by reference and model, and those of them that are dated before it.
    private var rows: [Place: (count: Int64, late: Int64)] = [:]
    private var returns: [Return] = []
    /// Spent less given back.
    private(set) var credits: Int64 = 0

    init(plan: Account.Plan) {
        self.plan = plan
    }

    /// The references of the refunds that may be of single videos: what the ledger says of them is wanted.
    var references: [String] { Array(Set(returns.map(\.entry.referenceID))).sorted() }

    mutating func spend(_ entry: StatementEntry, cost: Dollars, isLate: Bool) {
        credits -= entry.credits
        usage(of: entry.model) { $0.add(single: -entry.credits, cost: cost) }
        guard !entry.referenceID.isEmpty else { return }
        let place = Place(reference: entry.referenceID, model: entry.model)
        rows[place, default: (0, 0)].count += 1
        if isLate { rows[place, default: (0, 0)].late += 1 }
    }

    mutating func giveBack(_ entry: StatementEntry, cost: Dollars) {
        returns.append(Return(entry: entry, cost: cost))
    }

    /// Says of the refunds whether they are of single videos; call it once, after the last row. Gives those that are of
    /// nothing.
    mutating func settle(_ charges: [Charge]) -> [StatementEntry] {
        let known = Dictionary(grouping: charges, by: \.reference)
        var strangers: [StatementEntry] = []
        var named: Set<String> = []
        for returned in returns {
            guard let own = known[returned.entry.referenceID], let first = own.first else {
                strangers.append(returned.entry)
                continue
            }
            let model = (own.first { $0.model == returned.entry.model } ?? first).model
            credits -= returned.entry.credits
            usage(of: model) { $0.add(returned: returned.entry.credits, cost: returned.cost) }
            named.insert(returned.entry.referenceID)
        }
        for charge in named.sorted().flatMap({ known[$0] ?? [] }) {
            let own = rows[Place(reference: charge.reference, model: charge.model)] ?? (0, 0)
            let earlier = charge.isReturnedBefore ? 0 : max(charge.rowsBefore - own.late, 0)
            usage(of: charge.model) { $0.takeBack(own.count + earlier) }
        }
        return strangers
    }

    /// By model.
    var usage: [StatementUsage] { Array(byModel.values) }

    private mutating func usage(of model: String, _ change: (inout StatementUsage) -> Void) {
        change(&byModel[model, default: StatementUsage(source: .single, model: model, plan: plan)])
    }
}
