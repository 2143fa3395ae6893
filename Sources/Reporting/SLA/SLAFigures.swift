import Domain
import Postgres

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
        /// The day of the month on which the batch was created, from 1.
        let day: Int
    }

    struct RefundRate: Sendable {
        let account: Int64?
        let model: String
        let items: Int64
        let refundedItems: Int64
        let frozenCredits: Int64
        let refundedCredits: Int64
    }

    struct Exception: Sendable, Comparable {
        let kind: String
        let account: Int64?
        let reference: String?
        let detail: String

        /// By bytes; what is about no single owner or row comes first.
        static func < (left: Exception, right: Exception) -> Bool {
            for (own, other) in zip(left.key, right.key) where own != other {
                return own.lexicographicallyPrecedes(other)
            }
            return false
        }

        /// What it is ordered by, bytewise; what is absent comes first.
        private var key: [[UInt8]] {
            let number = account.map { String($0) } ?? ""
            let padded = String(repeating: "0", count: max(0, 19 - number.utf8.count)) + number
            return [
                Array(kind.utf8), account == nil ? [] : Array(padded.utf8),
                reference.map { [1] + Array($0.utf8) } ?? [], Array(detail.utf8),
            ]
        }
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
    /// The API's own minutes; nil where there are none.
    var within: APIMinutes?
    /// What the page draws and explains beyond its tables.
    var detail = MonthDetail()
    /// The months before the reported one.
    var history = TrendHistory()

    /// False where the month has no task, no batch and no probe: then there is nothing to be final about.
    var hasData: Bool {
        !completions.isEmpty || batches.contains { $0.figure.batches > 0 } || availability.contains { $0.monitored > 0 }
    }
}

extension SLAFigures.Exception {
    /// Reads a row of `exceptions.sql`.
    init(_ row: Row) throws {
        self.init(
            kind: try row.text("kind"), account: try row.optionalInt("account"),
            reference: try row.optionalText("reference"), detail: try row.text("detail"))
    }
}

/// Idempotency keys of a month: seen, seen again, and with more than one batch.
struct IdempotencyKeys: Sendable {
    let seen: Int64
    let replayed: Int64
    let duplicated: Int64

    /// Reads a row of `idempotency.sql`.
    init(_ row: Row) throws {
        seen = try row.int("keys_seen")
        replayed = try row.int("keys_replayed")
        duplicated = try row.int("duplicated")
    }
}

extension IdempotencyFigure {
    /// - Parameters:
    ///   - keys: Nil where there are none.
    ///   - keepsLog: False where nobody knows which came again.
    init(_ keys: IdempotencyKeys?, keepsLog: Bool, _ batches: BatchFigure) {
        self.init(
            keysSeen: keys?.seen ?? 0, keysReplayed: keepsLog ? keys?.replayed ?? 0 : nil,
            duplicated: keys?.duplicated ?? 0, overFrozen: batches.overFrozen)
    }
}

extension BatchFigure {
    /// Reads a row of `batches.sql`.
    init(_ row: Row) throws {
        self.init()
        batches = try row.int("batches")
        onTime = try row.int("on_time")
        late = try row.int("late")
        partial = try row.int("partial")
        missing = try row.int("missing")
        overRefunded = try row.int("over_refunded")
        stuck = try row.int("stuck")
        pending = try row.int("pending")
        obligatedCredits = try row.int("obligated_credits")
        refundedCredits = try row.int("refunded_credits")
        settled = try row.int("settled")
        paidForSuccess = try row.int("paid_for_success")
        begun = try row.int("begun")
        covered = try row.int("covered")
        knownWebhooks = try row.int("known_webhooks")
        deliveredWebhooks = try row.int("delivered_webhooks")
        overFrozen = try row.int("over_frozen")
    }
}
