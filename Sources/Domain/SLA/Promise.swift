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
