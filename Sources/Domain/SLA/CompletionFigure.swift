/// Completion of one model in a period on one clock: every task once, by what became of it.
public struct CompletionFigure: Hashable, Sendable {
    /// A nearest-rank percentile over the valid tasks.
    public enum Percentile: Hashable, Sendable {
        case microseconds(Int64)
        /// The percentile falls among the tasks that never succeeded.
        case infinite
    }

    public let model: String
    public let clock: ContractProfile.Clock
    public let good: Int64
    public let late: Int64
    public let failed: Int64
    public let timedOut: Int64
    public let cancelledLate: Int64
    public let inFlightOver: Int64
    public let excluded: Int64
    public let undetermined: Int64
    /// p50, p90, p95, p99 and the maximum; empty where no task is valid.
    public let percentiles: [Percentile]

    public init(
        model: String, clock: ContractProfile.Clock, good: Int64, late: Int64, failed: Int64, timedOut: Int64,
        cancelledLate: Int64, inFlightOver: Int64, excluded: Int64, undetermined: Int64, percentiles: [Percentile]
    ) {
        self.model = model
        self.clock = clock
        self.good = good
        self.late = late
        self.failed = failed
        self.timedOut = timedOut
        self.cancelledLate = cancelledLate
        self.inFlightOver = inFlightOver
        self.excluded = excluded
        self.undetermined = undetermined
        self.percentiles = percentiles
    }

    /// A model without any task on a clock.
    public init(empty model: String, _ clock: ContractProfile.Clock) {
        self.init(
            model: model, clock: clock, good: 0, late: 0, failed: 0, timedOut: 0, cancelledLate: 0, inFlightOver: 0,
            excluded: 0, undetermined: 0, percentiles: [])
    }

    /// Good ones and all bad ones: what was excluded or is still undetermined is not valid.
    public var valid: Int64 { good + late + failed + timedOut + cancelledLate + inFlightOver }

    public var attainment: Attainment { Attainment(good: good, valid: valid) }

    /// Those that succeeded, in time or not: percentiles above this share are never reached.
    public var finite: Attainment { Attainment(good: good + late, valid: valid) }

    /// The target of the model, nil where the contract has none.
    public func target(_ profile: ContractProfile) -> Percent? { profile.completions[model]?.target }

    /// The verdict of the clock that the contract names; the other clock is shown, and does not judge.
    public func verdict(_ profile: ContractProfile) -> Verdict {
        clock == profile.clock ? attainment.verdict(target: target(profile)) : .notApplicable
    }

    /// The same figure on another clock, where both clocks start at the same instants.
    public func on(_ clock: ContractProfile.Clock) -> CompletionFigure {
        CompletionFigure(
            model: model, clock: clock, good: good, late: late, failed: failed, timedOut: timedOut,
            cancelledLate: cancelledLate, inFlightOver: inFlightOver, excluded: excluded,
            undetermined: undetermined, percentiles: percentiles)
    }
}
