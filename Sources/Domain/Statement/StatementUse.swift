/// What a month's videos come to, by model and by whatever else is asked for.
extension StatementBook {
    /// A batch settled in the month, and the part of each of its models.
    public struct Settled: Sendable {
        public let batch: StatementBatch
        public let shares: [StatementBatch.Share]
    }

    /// The batches settled in the month with what their credits cost, by their ids.
    public var settled: [Settled] {
        settledBatches.map { Settled(batch: $0, shares: shares(of: $0)) }
    }

    /// Usage by model of the batches settled in the month, and after it that of the single videos.
    public var usage: [StatementUsage] { usage(of: settled) }

    /// The same of batches that are at hand.
    public func usage(of settled: [Settled]) -> [StatementUsage] {
        batchUsage(of: settled) + Self.inOrder(singles.usage)
    }

    /// Usage by model of some of the batches settled in the month.
    public func batchUsage(of settled: [Settled]) -> [StatementUsage] {
        var byModel: [String: StatementUsage] = [:]
        for (batch, shares) in settled.map({ ($0.batch, $0.shares) }) {
            for share in shares {
                byModel[share.model, default: StatementUsage(model: share.model, plan: plan)].add(share)
            }
            // A batch without tasks has no model, whatever its rows say.
            if batch.items == 0 { byModel["", default: StatementUsage(model: "", plan: plan)].countBatch() }
        }
        return Self.inOrder(Array(byModel.values))
    }

    private static func inOrder(_ usage: [StatementUsage]) -> [StatementUsage] {
        usage.sorted { Array($0.model.utf8).lexicographicallyPrecedes(Array($1.model.utf8)) }
    }
}

/// What several models were used for together: a day's, a key's, a month's.
public struct StatementUse: Sendable, Hashable {
    public let batches: Int64
    public let items: Int64
    public let succeeded: Int64
    public let creditsSpent: Int64
    /// The amounts of those that have one; nil where none has.
    public let amount: Dollars?
    /// True where a model has no amount.
    public let lacksAmounts: Bool

    /// - Parameter batches: How many they were together: one of several models counts with each of them.
    public init(_ usage: [StatementUsage], batches: Int64) {
        func sum(_ value: (StatementUsage) -> Int64) -> Int64 { usage.reduce(0) { $0 + value($1) } }
        let amounts = usage.compactMap(\.amount)
        self.batches = batches
        items = sum(\.items)
        succeeded = sum(\.succeeded)
        creditsSpent = sum(\.creditsSpent)
        amount = amounts.isEmpty ? nil : Dollars(micros: amounts.reduce(0) { $0 + $1.micros })
        lacksAmounts = amounts.count < usage.count
    }
}
