public import Documents
public import Domain
public import Postgres
import Synchronization

/// Hands messages over, each once per account, month and report.
///
/// That a message is to go is recorded and committed before it is given away, and what became of it afterwards. What
/// was cut off between the two may have gone out, is listed as that, and is never sent again by itself.
public struct MailDelivery: Sendable {
    /// What became of one message.
    public struct Outcome: Sendable {
        public let slug: String
        public let recipient: String
        /// Who gets a copy.
        public let copies: [String]
        public let standing: Standing
        /// False where somebody has to look after it.
        public var isDone: Bool { standing.isDone }
    }

    /// How it stands with a message.
    public enum Standing: Sendable {
        case handedOver
        /// Nothing is in its way; asked without sending.
        case ready
        /// It was handed over before, at that instant.
        case handedOverBefore(Instant)
        /// It may have gone out before, at that instant, when sending was cut off.
        case cutOffBefore(Instant)
        /// It was given away now, and whether it was taken is not known.
        case uncertain(String)
        /// It was not taken.
        case refused(String)
        case noAddress
        case obstacle(MailItem.Obstacle)
        /// The run failed with it: it was not sent, or that is not known.
        case failed(any Error)
        /// The run ended before its turn.
        case notReached

        var isDone: Bool {
            switch self {
            case .handedOver, .ready, .handedOverBefore: true
            case .cutOffBefore, .uncertain, .refused, .noAddress, .obstacle, .failed, .notReached: false
            }
        }
    }

    /// What a run came to.
    public struct Outcomes: Sendable {
        public var all: [Outcome] = []
        /// Why the run ended before its last message; nil where it did not.
        public var failure: (any Error)?
        public var wasInterrupted = false
        /// True where everybody has what is his, by this run or an earlier one.
        public var isDone: Bool { failure == nil && all.allSatisfy(\.isDone) }
    }

    private let month: Month
    private let channel: MailChannel
    private let from: String
    private let isForced: Bool

    /// Throws `usage` for a sender that is no address.
    public init(month: Month, channel: MailChannel, from: String, isForced: Bool) throws(DaybookError) {
        guard MailMessage.isAddress(from) else { throw .usage("\"\(from)\" is no mail address.") }
        self.month = month
        self.channel = channel
        self.from = from
        self.isForced = isForced
    }

    /// Hands the messages over, one after the other. Where the task is cancelled it ends after the one under way.
    public func run(_ items: [MailItem], _ connection: Connection) async -> Outcomes {
        // A task of its own: a cancelled one could not record what became of the message under way.
        let stop = CancellationFlag()
        let work = Task { await send(items, connection, stop) }
        return await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            stop.set()
        }
    }

    /// What would become of each, without sending or recording anything.
    public func preview(_ items: [MailItem], _ connection: Connection) async throws -> [Outcome] {
        try await connection.transaction(TransactionOptions(readOnly: true)) { session in
            try items.map { item in
                Outcome(item, try standing(item, session) ?? .ready)
            }
        }
    }

    private func send(_ items: [MailItem], _ connection: Connection, _ stop: CancellationFlag) async -> Outcomes {
        var outcomes = Outcomes()
        for item in items {
            if outcomes.failure == nil, stop.isSet { outcomes.wasInterrupted = true }
            guard outcomes.failure == nil, !outcomes.wasInterrupted else {
                outcomes.all.append(Outcome(item, .notReached))
                continue
            }
            do {
                outcomes.all.append(try await send(item, connection))
            } catch {
                outcomes.failure = error
                outcomes.all.append(Outcome(item, .failed(error)))
            }
        }
        return outcomes
    }

    /// A message that is on its way.
    private struct Departure {
        let sequence: Int64
        let bytes: [UInt8]
    }

    private enum Step {
        case standing(Standing)
        case departing(Departure)
    }

    private func send(_ item: MailItem, _ connection: Connection) async throws -> Outcome {
        let step = try await connection.transaction(TransactionOptions(lockTimeoutMilliseconds: 5000)) { session in
            // The account's row is the lock of its deliveries.
            try session.execute(
                "SELECT FROM daybook.account WHERE user_id = $1 FOR UPDATE", [.uuid(item.account.userID)])
            if let standing = try standing(item, session) { return Step.standing(standing) }
            return Step.departing(try depart(item, session))
        }
        guard case .departing(let departure) = step else {
            guard case .standing(let standing) = step else { preconditionFailure("a step is one of two") }
            return Outcome(item, standing)
        }
        let fate: MailChannel.Fate
        do {
            fate = try await channel.hand(
                departure.bytes, from: from, to: [item.recipient] + item.copies, name: item.fileName)
        } catch {
            try await record("not_sent", "\(error)", of: item, departure, connection)
            throw error
        }
        switch fate {
        case .handedOver:
            try await record("handed_over", "", of: item, departure, connection)
            return Outcome(item, .handedOver)
        case .refused(let why):
            try await record("not_sent", why, of: item, departure, connection)
            return Outcome(item, .refused(why))
        case .uncertain(let why):
            return Outcome(item, .uncertain(why))
        }
    }

    /// What stands in the way of sending a message; nil where nothing does.
    private func standing(_ item: MailItem, _ session: Session) throws -> Standing? {
        guard MailMessage.isAddress(item.recipient) else { return .noAddress }
        if let obstacle = item.obstacle { return .obstacle(obstacle) }
        guard !isForced else { return nil }
        let sent = try session.query(
            """
            SELECT max(d.sent_at) FILTER (WHERE o.outcome = 'handed_over') AS sent_at,
                max(d.sent_at) FILTER (WHERE o.outcome IS NULL) AS unknown_at
            FROM daybook.statement_delivery AS d
            LEFT JOIN daybook.statement_delivery_outcome AS o
                ON o.user_id = d.user_id AND o.month = d.month AND o.sequence = d.sequence
            WHERE d.user_id = $1 AND d.month = $2 AND d.report = $3
            """, [.uuid(item.account.userID), .date(month.firstDay), .text(item.report.rawValue)])[0]
        if let at = try sent.optionalInstant("sent_at") { return .handedOverBefore(at) }
        return try sent.optionalInstant("unknown_at").map { .cutOffBefore($0) }
    }

    /// Records that a message is to go.
    private func depart(_ item: MailItem, _ session: Session) throws -> Departure {
        let next = try session.query(
            """
            SELECT coalesce(max(sequence), 0)::bigint + 1 AS sequence, transaction_timestamp() AS now
            FROM daybook.statement_delivery WHERE user_id = $1 AND month = $2
            """, [.uuid(item.account.userID), .date(month.firstDay)])[0]
        let message = try item.message(next.instant("now"))
        let departure = Departure(sequence: try next.int("sequence"), bytes: message.bytes())
        try session.execute(
            """
            INSERT INTO daybook.statement_delivery (
                user_id, month, sequence, report, recipient, channel, message_id, sha256)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            [
                .uuid(item.account.userID), .date(month.firstDay), .int(departure.sequence),
                .text(item.report.rawValue), .text(item.recipient), .text(channel.name), .text(message.messageID),
                .text(FileDigest.of(departure.bytes)),
            ])
        return departure
    }

    /// Records what became of it.
    private func record(
        _ outcome: String, _ remark: String, of item: MailItem, _ departure: Departure, _ connection: Connection
    ) async throws {
        try await connection.transaction { session in
            try session.execute(
                """
                INSERT INTO daybook.statement_delivery_outcome (user_id, month, sequence, outcome, remark)
                VALUES ($1, $2, $3, $4, $5)
                """,
                [
                    .uuid(item.account.userID), .date(month.firstDay), .int(departure.sequence), .text(outcome),
                    .text(remark),
                ])
        }
    }
}

extension MailDelivery.Outcome {
    fileprivate init(_ item: MailItem, _ standing: MailDelivery.Standing) {
        self.init(slug: item.account.slug, recipient: item.recipient, copies: item.copies, standing: standing)
    }
}

/// Says to work that must not be cancelled half way that it is to end when it can.
final class CancellationFlag: Sendable {
    private let flag = Mutex(false)

    var isSet: Bool { flag.withLock(\.self) }

    func set() { flag.withLock { $0 = true } }
}
