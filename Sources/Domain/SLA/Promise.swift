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

    /// Attained in percent; nil where there is too little data to know it.
    public var attained: Percent? { verdict == .insufficientData ? nil : attainment.percent }

    public init(
        _ name: Name, account: String, subject: String = "", target: Percent?, attainment: Attainment, verdict: Verdict
    ) {
        self.name = name
        self.account = account
        self.subject = subject
        self.target = target
        self.attainment = attainment
        self.verdict = verdict
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
