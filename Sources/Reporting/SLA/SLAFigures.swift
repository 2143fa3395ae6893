import Domain

/// Every counted figure of one SLA report.
struct SLAFigures: Sendable {
    /// A figure of an account's number: nil everybody, 0 owners without an account.
    struct Of<Figure: Sendable>: Sendable {
        let account: Int64?
        let figure: Figure
    }

    struct RefundException: Sendable {
        let account: Int64
        let batchID: String
        let refundClass: String
        let obligatedCredits: Int64
        let refundedCredits: Int64
        let microseconds: Int64?
    }

    struct RefundRate: Sendable {
        let account: Int64?
        let model: String
        let items: Int64
        let refundedItems: Int64
        let frozenCredits: Int64
        let refundedCredits: Int64
    }

    struct Exception: Sendable {
        let kind: String
        let account: Int64?
        let reference: String?
        let detail: String
    }

    var availability: [AvailabilityFigure] = []
    var completions: [Of<CompletionFigure>] = []
    /// Tasks of the drill-down: each once, on the clock that the terms of its acceptance name.
    var judgedTasks: Int64 = 0
    var batches: [Of<BatchFigure>] = []
    var refundExceptions: [RefundException] = []
    var refundRates: [RefundRate] = []
    var idempotency: [Of<IdempotencyFigure>] = []
    var exceptions: [Exception] = []
    /// The components' availability in each account's own month, by slug.
    var ownAvailability: [String: [AvailabilityFigure]] = [:]
    var trend: [TrendPoint] = []
}
