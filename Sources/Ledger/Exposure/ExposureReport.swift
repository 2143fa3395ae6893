public import Domain
import Postgres

/// The lines of credit that is neither spent nor returned, by customer, batch and state.
public struct ExposureReport: Sendable {
    /// Where a credit is.
    public enum State: String, Sendable, CaseIterable {
        /// Waits to be handed over, until it expires.
        case ready
        /// Is being handed over.
        case intent
        /// Nobody knows whether the provider took it.
        case unknown
        /// Is at the provider.
        case accepted
        /// Rendered: charged when the batch settles.
        case delivered
        /// Ended without success, and not given back yet.
        case awaitingRefund = "awaiting_refund"
        /// Of a batch that the application runs: it has no deadline.
        case application
        /// Frozen by the ledger, and by nothing else.
        case unexplained
        /// Given back, and rendered afterwards: no credit is frozen, and the provider may send a bill.
        case lateSuccess = "late_success"
        /// No credit: the provider has a second task of one submission, and may send a bill.
        case secondTask = "second_task"
        /// No credit: an id was named for a submission, and the provider has not borne it out yet.
        case namedID = "named_id"

        /// False for what may cost something, and holds no credit.
        var isFrozen: Bool { ![.lateSuccess, .secondTask, .namedID].contains(self) }
    }

    /// What is not as it should be.
    public enum Finding: String, Sendable {
        case overdue, unexplained
    }

    /// How long a credit has been where it is.
    public enum Age: String, Sendable, CaseIterable {
        case tenMinutes = "under_10_minutes"
        case hour = "under_1_hour"
        case day = "under_1_day"
        case week = "under_1_week"
        case older = "1_week_or_more"

        init(seconds: Int64) {
            self =
                switch seconds {
                case ..<600: .tenMinutes
                case ..<3_600: .hour
                case ..<86_400: .day
                case ..<604_800: .week
                default: .older
                }
        }
    }

    /// One line: credits of a batch in one state.
    public struct Line: Sendable {
        public let userID: String
        /// `(none)` for an owner without an account.
        public let account: String
        /// The batch, or the reference that names none.
        public let batch: String
        public let task: String?
        public let state: State
        public let tasks: Int64?
        /// Frozen credits; nil where none are frozen.
        public let credits: Int64?
        /// Credits that went back; nil but for late successes.
        public let refunded: Int64?
        public let since: Instant?
        public let endsBy: Instant?
        public let finding: Finding?
        public let detail: String
    }

    /// What a customer has frozen, and where it is.
    public struct Total: Sendable {
        public let userID: String
        public let account: String
        /// By the ledger.
        public let frozen: Int64
        public let byState: [State: Int64]
    }

    public let snapshotAt: Instant
    private let slugs: [String: String]
    public private(set) var lines: [Line] = []
    /// What the ledger has frozen, by customer.
    private var frozen: [String: Int64] = [:]
    /// What the ledger has frozen and the engine has not placed yet, by customer and batch.
    private var unplaced: [Place: Int64] = [:]
    private var since: [Place: Instant] = [:]

    private struct Place: Hashable {
        let userID: String
        let batch: String
    }

    init(snapshotAt: Instant, slugs: [String: String]) {
        self.snapshotAt = snapshotAt
        self.slugs = slugs
    }

    private func slug(_ userID: String) -> String { slugs[userID] ?? "(none)" }

    /// True where something is later than it may be.
    private func isOverdue(_ instant: Instant?) -> Bool {
        instant.map { $0.adding(seconds: Limits.exposureGraceSeconds) < snapshotAt } ?? false
    }

    /// A line of the engine's own records.
    mutating func add(engine row: Row) throws {
        let userID = try row.text("user_id")
        let batch = try row.text("batch_id")
        guard let state = State(rawValue: try row.text("state")) else {
            throw PostgresError(.decoding, "A task has a state that this program does not know.", column: "state")
        }
        let since = try row.optionalInstant("since")
        let endsBy = try row.optionalInstant("ends_by")
        let isLate =
            switch state {
            case .awaitingRefund: isOverdue(since)
            case .delivered: try !row.bool("has_live_task") && isOverdue(since)
            default: isOverdue(endsBy)
            }
        let credits = try row.int("credits")
        lines.append(
            Line(
                userID: userID, account: slug(userID), batch: batch, task: try row.optionalText("task_id"),
                state: state, tasks: try row.int("tasks"), credits: credits, refunded: nil, since: since,
                endsBy: endsBy, finding: isLate ? .overdue : nil, detail: try row.text("remark")))
        unplaced[Place(userID: userID, batch: batch), default: 0] -= credits
    }

    /// What the ledger has frozen for one batch. It comes after the lines of the engine.
    mutating func add(ledger row: Row) throws {
        let place = Place(userID: try row.text("user_id"), batch: try row.text("batch_reference"))
        let credits = try row.int("frozen")
        frozen[place.userID, default: 0] += credits
        since[place] = try row.optionalInstant("created_at") ?? row.optionalInstant("frozen_at")
        let isOfEngine = unplaced[place] != nil
        guard !isOfEngine, try row.optionalText("batch_id") != nil, credits > 0 else {
            unplaced[place, default: 0] += credits
            return
        }
        lines.append(
            Line(
                userID: place.userID, account: slug(place.userID), batch: place.batch, task: nil, state: .application,
                tasks: nil, credits: credits, refunded: nil, since: since[place], endsBy: nil, finding: nil,
                detail: "\(try row.text("status")), no deadline"))
    }

    /// What is left between the two is a finding.
    mutating func compare() {
        for (place, credits) in unplaced.sorted(by: { ($0.key.userID, $0.key.batch) < ($1.key.userID, $1.key.batch) })
        where credits != 0 {
            lines.append(
                Line(
                    userID: place.userID, account: slug(place.userID), batch: place.batch, task: nil,
                    state: .unexplained, tasks: nil, credits: credits, refunded: nil, since: since[place], endsBy: nil,
                    finding: .unexplained,
                    detail: credits > 0
                        ? "frozen by the ledger, and no task stands for it"
                        : "tasks stand for it, and the ledger has not frozen it"))
        }
        let order = Dictionary(uniqueKeysWithValues: State.allCases.enumerated().map { ($1, $0) })
        lines.sort { left, right in
            if left.account != right.account { return NaturalOrder.precedes(left.account, right.account) }
            if left.userID != right.userID { return left.userID < right.userID }
            if left.state != right.state { return (order[left.state] ?? 0) < (order[right.state] ?? 0) }
            return (left.since ?? .distantPast, left.batch, left.task ?? "")
                < (right.since ?? .distantPast, right.batch, right.task ?? "")
        }
    }

    /// An id that somebody named, after everything that is frozen.
    mutating func add(hint row: Row) throws {
        guard let state = State(rawValue: try row.text("state")) else { return }
        let userID = try row.text("user_id")
        let status = try row.optionalText("provider_status").map { ", \($0)" } ?? ""
        lines.append(
            Line(
                userID: userID, account: slug(userID), batch: "", task: nil, state: state, tasks: 1, credits: nil,
                refunded: nil, since: try row.instant("heard_at"), endsBy: nil, finding: nil,
                detail: "the provider's \(try row.text("provider_task_id"))\(status)"))
    }

    /// A late success, after everything that is frozen.
    mutating func add(late row: Row) throws {
        let userID = try row.text("user_id")
        let endedAt = try row.optionalInstant("ended_at")?.description ?? ""
        lines.append(
            Line(
                userID: userID, account: slug(userID), batch: try row.text("batch_id"), task: try row.text("task_id"),
                state: .lateSuccess, tasks: 1, credits: nil, refunded: try row.int("refunded"),
                since: try row.instant("late_success_at"), endsBy: nil, finding: nil,
                detail: "given up at \(endedAt), the provider's \(try row.optionalText("provider_task_id") ?? "")"))
    }
}

extension ExposureReport {
    /// The lines that are not as they should be.
    public var findings: [Line] { lines.filter { $0.finding != nil } }

    /// What each customer has frozen, and where it is. The states of a customer add up to what the ledger says.
    public var totals: [Total] {
        let byUser = Dictionary(grouping: lines, by: \.userID)
        let users = Set(frozen.filter { $0.value != 0 }.keys).union(
            lines.filter { $0.credits != nil }.map(\.userID))
        return users.map { userID in
            let byState = Dictionary(grouping: byUser[userID] ?? [], by: \.state).compactMapValues { own in
                own.contains { $0.credits != nil } ? own.reduce(0) { $0 + ($1.credits ?? 0) } : nil
            }
            return Total(userID: userID, account: slug(userID), frozen: frozen[userID] ?? 0, byState: byState)
        }.sorted { $0.userID < $1.userID }.inNaturalOrder(of: \.account)
    }

    /// Seconds for which something has been where it is; nil where nobody knows since when.
    func ageSeconds(_ line: Line) -> Int64? {
        guard let since = line.since, since.isFinite else { return nil }
        return max(snapshotAt.microseconds(since: since) / 1_000_000, 0)
    }
}
