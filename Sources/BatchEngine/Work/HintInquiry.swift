import Domain
import Logging
import Postgres

/// Asks the provider for the ids that somebody named for a submission, and binds those that the provider knows.
///
/// What is asked for is taken from the table of hints for a while, so a worker that is killed keeps nobody's: another
/// one takes it later.
struct HintInquiry: Sendable {
    /// Runs one transaction.
    typealias Write = @Sendable (@escaping @Sendable (WorkQueue, Int64) throws -> [Hint]) async throws -> [Hint]

    /// Hints that are taken in one transaction, and asked for at once.
    static let together = 50

    let provider: any Provider
    let logger: Logger
    let write: Write
    /// Told what an id turned out to be.
    var count: @Sendable (Hint.Outcome) async -> Void = { _ in }

    /// Asks for what it is time to ask for; false where there was nothing.
    func run() async throws -> Bool {
        let hints = try await write { queue, worker in try queue.takeHints(worker, limit: Self.together) }
        guard !hints.isEmpty else { return false }
        let answers = await withTaskGroup(of: (Hint, ProviderStatus).self) { group in
            for hint in hints { group.addTask { (hint, await provider.status(of: hint.providerTaskID)) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        // Each in a transaction of its own: it locks the task, and whoever records answers goes by another order.
        for (hint, status) in answers {
            let judged = try await write { queue, worker in
                var judged = hint
                judged.outcome = try queue.judge(hint, status, by: worker) ?? hint.outcome
                return [judged]
            }
            guard let outcome = judged.first?.outcome, outcome != hint.outcome else { continue }
            say(hint, outcome)
            await count(outcome)
        }
        return true
    }

    private func say(_ hint: Hint, _ outcome: Hint.Outcome) {
        let metadata: Logger.Metadata = [
            "hint.customer": "\(hint.userID)", "hint.provider-task": "\(hint.providerTaskID)",
        ]
        switch outcome {
        case .bound: logger.notice("a callback told of a task whose answer was lost", metadata: metadata)
        case .extra: logger.warning("the provider has a second task of one submission", metadata: metadata)
        case .foreign: logger.warning("a callback named another submission's task", metadata: metadata)
        case .denied: logger.warning("a callback named a task that the provider does not know", metadata: metadata)
        case .heard, .unanswered: break
        }
    }
}

/// An id that somebody named for a submission.
public struct Hint: Sendable, Hashable {
    /// What an id has turned out to be.
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        /// The provider has not borne it out yet.
        case heard
        /// The submission's own.
        case bound
        /// A second task of one submission.
        case extra
        /// Another submission's.
        case foreign
        /// The provider knows no such task.
        case denied
        /// The provider never said.
        case unanswered
    }

    public let userID: String
    public let nonce: [UInt8]
    public let providerTaskID: String
    /// As it was when the hint was read.
    public var outcome: Outcome
}

/// Hints: heard by whoever receives callbacks, asked for and judged by workers.
extension WorkQueue {
    /// What a callback says: a submission, by its nonce, and the provider's id of it.
    public struct Callback: Sendable, Hashable {
        public let userID: String
        public let nonce: [UInt8]
        public let providerTaskID: String
        /// True where it tells of an end: whoever polls the task asks at once.
        public let claimsEnd: Bool

        public init(userID: String, nonce: [UInt8], providerTaskID: String, claimsEnd: Bool = false) {
            self.userID = userID
            self.nonce = nonce
            self.providerTaskID = providerTaskID
            self.claimsEnd = claimsEnd
        }
    }

    /// What became of a callback that was news.
    public enum Heard: Sendable, Hashable {
        /// It is kept, and a worker asks the provider for it.
        case kept
        /// Too many ids have been named for its submission: this one is not kept.
        case tooMany
    }

    /// Takes in callbacks, whoever sent them, in one question for all: those that name an id that the submission does
    /// not have are kept as hints. Nothing is bound. Workers hear what is to be asked for. Gives those that were news.
    public func hear(_ callbacks: Set<Callback>) throws -> [Callback: Heard] {
        let list = Array(callbacks)
        let news = try rows(
            "SELECT number, is_kept FROM daybook.hear($1, $2, $3, $4)",
            [
                .uuids(list.map(\.userID)), .array(list.map { .bytes($0.nonce) }, of: .bytea),
                .texts(list.map(\.providerTaskID)), .array(list.map { .bool($0.claimsEnd) }, of: .bool),
            ])
        return try Dictionary(
            uniqueKeysWithValues: news.map { row in
                (list[Int(try row.int("number")) - 1], try row.bool("is_kept") ? .kept : .tooMany)
            })
    }

    /// Takes hints that are due, for this worker to ask for.
    public func takeHints(_ worker: Int64, limit: Int) throws -> [Hint] {
        try rows(
            "SELECT user_id, nonce, provider_task_id, outcome FROM daybook.take_hints($1, $2::integer)",
            [.int(worker), .int(Int64(limit))]
        ).map { row in
            Hint(
                userID: try row.uuid("user_id"), nonce: try row.optionalBytes("nonce") ?? [],
                providerTaskID: try row.text("provider_task_id"), outcome: try Self.outcome(try row.text("outcome")))
        }
    }

    /// Takes in what the provider says of a hint: it is bound once the provider knows the task. Nil where there is no
    /// such hint.
    public func judge(_ hint: Hint, _ status: ProviderStatus, by worker: Int64) throws -> Hint.Outcome? {
        let word =
            switch status {
            case .running: "running"
            case .succeeded: "succeeded"
            case .failed: "failed"
            case .notFound: "missing"
            case .unreadable: "unreadable"
            }
        return try rows(
            "SELECT daybook.judge_hint($1, $2, $3, $4, $5) AS outcome",
            [.int(worker), .uuid(hint.userID), .bytes(hint.nonce), .text(hint.providerTaskID), .text(word)])[0]
            .optionalText("outcome").map(Self.outcome)
    }

    private static func outcome(_ word: String) throws -> Hint.Outcome {
        guard let outcome = Hint.Outcome(rawValue: word) else {
            throw PostgresError(.decoding, "A hint has an outcome that this program does not know.", column: "outcome")
        }
        return outcome
    }
}
