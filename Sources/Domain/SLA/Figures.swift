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
    /// How many of the valid ones each contract judges, by its place among the report's.
    public var validByContract: [Int: Int64] = [:]

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
}

/// The batches of a period: their refund obligations by class, and the promises that are kept batch by batch.
public struct BatchFigure: Hashable, Sendable {
    /// Batches created in the period.
    public var batches: Int64 = 0
    public var onTime: Int64 = 0
    public var late: Int64 = 0
    public var partial: Int64 = 0
    public var missing: Int64 = 0
    public var overRefunded: Int64 = 0
    public var stuck: Int64 = 0
    public var pending: Int64 = 0
    /// Credits owed by all obligations.
    public var obligatedCredits: Int64 = 0
    /// Credits given back for all obligations.
    public var refundedCredits: Int64 = 0
    /// Batches that are settled at the cutoff.
    public var settled: Int64 = 0
    /// Settled ones whose freeze less refund is the cost of their succeeded tasks.
    public var paidForSuccess: Int64 = 0
    /// Batches with tasks that have left the queue.
    public var begun: Int64 = 0
    /// Those whose freeze covers the cost of all of them.
    public var covered: Int64 = 0
    /// Settled batches with a webhook of whose delivery something is recorded.
    public var knownWebhooks: Int64 = 0
    public var deliveredWebhooks: Int64 = 0
    /// Batches whose freeze rows add up to more than was to be frozen.
    public var overFrozen: Int64 = 0

    public init() {}

    /// Batches that owe or were refunded anything, and stuck ones; a pending one is not an obligation yet.
    public var obligations: Int64 { onTime + late + partial + missing + overRefunded + stuck }

    public var refunds: Attainment { Attainment(good: onTime, valid: obligations) }
    public var payForSuccess: Attainment { Attainment(good: paidForSuccess, valid: settled) }
    public var financialSafety: Attainment { Attainment(good: covered, valid: begun) }
    public var webhookDelivery: Attainment { Attainment(good: deliveredWebhooks, valid: knownWebhooks) }
}

/// Idempotency keys of a period's batches.
public struct IdempotencyFigure: Hashable, Sendable {
    public let keysSeen: Int64
    /// Keys that the request log holds more than once; nil where no log is kept, or one that takes a request once.
    public let keysReplayed: Int64?
    /// Keys with more than one batch.
    public let duplicated: Int64
    /// Batches that were frozen for more than once.
    public let overFrozen: Int64

    public init(keysSeen: Int64, keysReplayed: Int64?, duplicated: Int64, overFrozen: Int64) {
        self.keysSeen = keysSeen
        self.keysReplayed = keysReplayed
        self.duplicated = duplicated
        self.overFrozen = overFrozen
    }

    public var violations: Int64 { duplicated + overFrozen }

    public var attainment: Attainment {
        Attainment(good: max(keysSeen - violations, 0), valid: keysSeen)
    }

    /// A violation is a breach even where no key was seen.
    public var verdict: Verdict {
        if violations > 0 { return .breach }
        return keysSeen > 0 ? .pass : .notApplicable
    }
}

/// Minutes of one probed component in a period, as counted.
public struct AvailabilityFigure: Hashable, Sendable {
    public let component: String
    /// Minutes of the period up to the cutoff.
    public let total: Int64
    /// Minutes with at least one probe.
    public let monitored: Int64
    /// Minutes in which every probe failed.
    public let down: Int64
    /// Down minutes inside maintenance that was announced in time.
    public let excluded: Int64

    /// Precondition: 0 ≤ excluded ≤ down ≤ monitored ≤ total.
    public init(component: String, total: Int64, monitored: Int64, down: Int64, excluded: Int64) {
        precondition(
            0 <= excluded && excluded <= down && down <= monitored && monitored <= total, "minutes are counted once")
        self.component = component
        self.total = total
        self.monitored = monitored
        self.down = down
        self.excluded = excluded
    }

    /// Down minutes that count against the promise.
    public var counted: Int64 { down - excluded }

    /// (total − counted) / total: exclusions are no downtime, and do not shrink the period.
    public var attainment: Attainment { Attainment(good: total - counted, valid: total) }

    /// The attainment in percent; nil where too few minutes were monitored to know it.
    public func attained(_ profile: ContractProfile) -> Percent? {
        isSufficient(profile) ? attainment.percent : nil
    }

    /// True where enough minutes were monitored.
    public func isSufficient(_ profile: ContractProfile) -> Bool {
        Attainment(good: monitored, valid: total).meets(profile.monitoredTarget)
    }

    /// The attainment if every unmonitored minute had been down.
    public var worstCase: Attainment { Attainment(good: monitored - counted, valid: total) }

    /// `insufficient data` where too few minutes were monitored: switching the prober off improves nothing.
    public func verdict(_ profile: ContractProfile) -> Verdict {
        guard total > 0 else { return .notApplicable }
        guard isSufficient(profile) else { return .insufficientData }
        return attainment.verdict(target: profile.availabilityTarget)
    }
}

/// The service credit of a month, as far as its components were monitored.
public struct ServiceCredit: Hashable, Sendable {
    /// The worst component that was monitored enough; nil without any.
    public let worst: Attainment?
    /// The share of the monthly fee; nil where nobody knows whether there is one.
    public let tier: Percent?
    /// True where a component that was not monitored enough may have been worse.
    public let isLeast: Bool

    /// Judges the components of a month. Switching a prober off neither earns a credit nor saves one: without enough
    /// minutes of every component, a tier is the least that it can be, and none is unknown.
    public init(_ components: [AvailabilityFigure], _ profile: ContractProfile) {
        let judged = components.filter { $0.total > 0 }
        let sufficient = judged.filter { $0.isSufficient(profile) }
        worst = sufficient.map(\.attainment).min { $0.good < $1.good }
        let tier = worst.map { profile.serviceCredit(for: $0) }
        let isWhole = !judged.isEmpty && sufficient.count == judged.count
        isLeast = !isWhole && (tier ?? .zero) > .zero
        self.tier = isWhole || isLeast ? tier : nil
    }
}

/// One promise and how it went.
public struct Promise: Hashable, Sendable {
    /// The promises of the service, by the names that the report uses.
    public enum Name: String, Sendable, CaseIterable {
        case autoRefund = "auto_refund"
        case availability
        case completion
        case financialSafety = "financial_safety"
        case idempotency
        case payForSuccess = "pay_for_success"
        case webhookDelivery = "webhook_delivery"

        /// The name for people.
        public var title: String {
            switch self {
            case .autoRefund: "Automatic refund"
            case .availability: "Availability"
            case .completion: "Task completion"
            case .financialSafety: "Financial safety"
            case .idempotency: "Idempotency"
            case .payForSuccess: "Pay for success only"
            case .webhookDelivery: "Webhook delivery"
            }
        }
    }

    public let name: Name
    /// The slug, `(none)`, or empty for everybody together.
    public let account: String
    /// The component or the model; empty where the promise is about the whole service.
    public let subject: String
    /// Nil where the figure is shown without being promised.
    public let target: Percent?
    public let attainment: Attainment
    public let verdict: Verdict
    /// What of its allowance is gone.
    public let budget: Budget

    /// Attained in percent; nil where there is too little data to know it.
    public var attained: Percent? { verdict == .insufficientData ? nil : attainment.percent }

    public init(
        _ name: Name, account: String, subject: String = "", target: Percent?, attainment: Attainment,
        verdict: Verdict, budget: Budget
    ) {
        self.name = name
        self.account = account
        self.subject = subject
        self.target = target
        self.attainment = attainment
        self.verdict = verdict
        self.budget = budget
    }
}

/// The outcome of a promise, in the words of the report.
public enum Verdict: String, Sendable, CaseIterable {
    case pass
    case breach
    /// There was nothing to judge, or the contract names no target.
    case notApplicable = "not applicable"
    /// Too little was measured to judge honestly.
    case insufficientData = "insufficient data"
}

/// So many good ones out of so many valid ones.
public struct Attainment: Hashable, Sendable {
    public let good: Int64
    public let valid: Int64

    /// Precondition: 0 ≤ good ≤ valid.
    public init(good: Int64, valid: Int64) {
        precondition(good >= 0 && good <= valid, "good ones are among the valid ones")
        self.good = good
        self.valid = valid
    }

    /// good / valid, floored to four decimals of a percent; nil where nothing is valid.
    public var percent: Percent? {
        guard valid > 0 else { return nil }
        let scaled = good.multipliedFullWidth(by: Percent.hundred.tenThousandths)
        return Percent(tenThousandths: valid.dividingFullWidth(scaled).quotient)
    }

    /// True if good / valid is at least the target, compared as integers.
    public func meets(_ target: Percent) -> Bool {
        let attained = good.multipliedFullWidth(by: Percent.hundred.tenThousandths)
        let required = valid.multipliedFullWidth(by: target.tenThousandths)
        return (attained.high, attained.low) >= (required.high, required.low)
    }

    /// The verdict against a target: `not applicable` where nothing is valid or there is no target.
    public func verdict(target: Percent?) -> Verdict {
        guard valid > 0, let target else { return .notApplicable }
        return meets(target) ? .pass : .breach
    }
}
