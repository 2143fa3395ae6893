/// A batch by its models, as usage states it.
extension StatementBatch {
    /// What one model has of a batch; over all of its models it is the batch.
    public struct Share: Sendable, Hashable {
        public let model: String
        public internal(set) var items: Int64 = 0
        public internal(set) var succeeded: Int64 = 0
        public internal(set) var failed: Int64 = 0
        public internal(set) var delivered: Int64 = 0
        public let frozen: Int64
        public let refunded: Int64
        /// What the credits cost that were not given back.
        public let cost: Dollars
    }

    /// The batch split by the models of its tasks, whatever its ledger rows say: what was frozen by what all of its
    /// tasks cost, what came back by what those cost that were not delivered. A batch without tasks has the models that
    /// its rows name.
    ///
    /// - Parameter cost: What the credits cost that the batch has not given back, by the model of its rows; nil for all
    ///   of them.
    public func shares(cost: (_ model: String?) -> Dollars) -> [Share] {
        guard !parts.isEmpty else {
            return moved.sorted { $0.key < $1.key }.map { model, moved in
                Share(model: model, frozen: moved.frozen, refunded: moved.refunded, cost: cost(model))
            }
        }
        let parts = parts.sorted { Array($0.model.utf8).lexicographicallyPrecedes(Array($1.model.utf8)) }
        let all = (cost: parts.map(\.cost), items: parts.map(\.items))
        let frozen = Self.split(frozen, by: [all.cost, all.items])
        let refunded = Self.split(refunded, by: [parts.map { $0.cost - $0.delivered }, all.cost, all.items])
        // Rows that say of each model what its tasks say know best which credit each of them took.
        let costs =
            namesItsModels
            ? parts.map { cost($0.model).micros }
            : Self.split(cost(nil).micros, by: [parts.map(\.delivered), all.cost, all.items])
        return parts.indices.map { index in
            var share = Share(
                model: parts[index].model, frozen: frozen[index], refunded: refunded[index],
                cost: Dollars(micros: costs[index]))
            share.items = parts[index].items
            share.succeeded = parts[index].succeeded
            share.failed = parts[index].failed
            share.delivered = parts[index].delivered
            return share
        }
    }

    /// True where the ledger rows name the models of the tasks, each with what its tasks cost.
    private var namesItsModels: Bool {
        guard parts.count > 1 else { return false }
        let own = Dictionary(parts.map { ($0.model, ($0.cost, $0.cost - $0.delivered)) }) { first, _ in first }
        return Set(own.keys).union(moved.keys).allSatisfy { model in
            let (ours, theirs) = (own[model] ?? (0, 0), moved[model] ?? (0, 0))
            return ours.0 == theirs.frozen && ours.1 == theirs.refunded
        }
    }

    /// Splits an amount in whole units by the first weights that weigh anything, so that the parts add up to it: the
    /// n-th part is the share of the first n less that of the first n − 1, each rounded down.
    static func split(_ total: Int64, by choices: [[Int64]]) -> [Int64] {
        let weights = choices.first { $0.reduce(0, +) > 0 } ?? choices[choices.count - 1].map { _ in 1 }
        let whole = weights.reduce(0, +)
        var (sum, given): (Int64, Int64) = (0, 0)
        return weights.map { weight in
            sum += weight
            let share = Dollars(micros: abs(total)).share(of: sum, in: whole).micros - given
            given += share
            return total < 0 ? -share : share
        }
    }
}
