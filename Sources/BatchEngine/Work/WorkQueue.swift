public import Domain
import Formats
public import Postgres

/// The worker's transactions, each a call on a session in a transaction of the caller's; those that are one statement
/// can do without one.
///
/// The functions are those of migrations 9, 37, 41, 42 and 47, and of migration 38, where the order of locks is written
/// down. Throws ``EngineFault``.
public struct WorkQueue {
    let session: Session

    public init(_ session: Session) {
        self.session = session
    }

    /// Takes up to `limit` ready tasks of a model, customers in turn, `chunk` of each at a time.
    public func claim(_ worker: Int64, model: VideoModel, limit: Int, chunk: Int) throws -> [Submission] {
        try rowsAtOnce(
            "SELECT * FROM daybook.claim($1, $2, $3::integer, $4::integer)",
            [.int(worker), .text(model.rawValue), .int(Int64(limit)), .int(Int64(chunk))]
        ).map { row in
            Submission(
                userID: try row.uuid("user_id"), batchID: try row.uuid("batch_id"), taskID: try row.uuid("task_id"),
                nonce: try row.optionalBytes("nonce") ?? [], attempt: try row.int("attempt"), model: model,
                prompt: try row.text("prompt"), referenceURL: try row.optionalText("reference_url"),
                aspectRatio: try row.optionalText("aspect_ratio") ?? "16:9",
                durationSeconds: try row.optionalInt("duration") ?? 10, size: try row.optionalText("size") ?? "small")
        }
    }

    /// Records what the provider said, in one statement: at the gates of the models, of the submissions that it took,
    /// and of those of which nobody knows. Refusals have a transaction of their own each after this one,
    /// ``refuse(_:_:behind:)``.
    public func record(
        _ answers: [(submission: Submission, answer: SubmissionAnswer)], by worker: Int64
    ) throws -> RecordedAnswers {
        // The gates come before the tasks, in the order of their models.
        let tallies = Dictionary(grouping: answers, by: \.submission.model).sorted { $0.key < $1.key }
            .map { (model: $0.key, tally: AnswerTally($0.value.map(\.answer))) }
        var accepted: [(Submission, String)] = []
        var lost: [(Submission, String)] = []
        for (submission, answer) in answers {
            switch answer {
            case .accepted(let providerTaskID): accepted.append((submission, providerTaskID))
            case .unknown(let remark): lost.append((submission, remark))
            case .refused: break
            }
        }
        let nonces = { (list: [(Submission, String)]) in Value.array(list.map { .bytes($0.0.nonce) }, of: .bytea) }
        let found = try rowsAtOnce(
            "SELECT * FROM daybook.record_answers($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            [
                .int(worker), .texts(tallies.map(\.model.rawValue)), .ints(tallies.map(\.tally.taken)),
                .ints(tallies.map(\.tally.failed)),
                .array(tallies.map { $0.tally.pauseSeconds.map { .int($0) } ?? .null }, of: .int8),
                .bools(tallies.map(\.tally.concernsAccount)),
                .uuids(accepted.map(\.0.userID)), nonces(accepted), .texts(accepted.map(\.1)),
                .uuids(lost.map(\.0.userID)), nonces(lost), .texts(lost.map(\.1)),
            ])
        return RecordedAnswers(
            accepted: try found.filter { try $0.optionalText("closed_gate") == nil }.map(Self.acceptedTask),
            closedGates: try found.compactMap { row in
                try row.optionalText("closed_gate").flatMap(VideoModel.init(rawValue:))
            })
    }

    /// The provider took a submission, as its own answer says, spooled or not: that stands above every hint. True if
    /// that was news.
    public func accept(_ userID: String, _ nonce: [UInt8], as providerTaskID: String, by worker: Int64?) throws -> Bool
    {
        try rows(
            "SELECT daybook.accept($1, $2, $3, $4) AS is_news",
            [.uuid(userID), .bytes(nonce), .text(providerTaskID), worker.map { .int($0) } ?? .null])[0].bool("is_news")
    }

    /// Takes over accepted tasks that nobody polls.
    public func adopt(_ worker: Int64, limit: Int) throws -> [AcceptedTask] {
        try rows(
            """
            SELECT *, extract(epoch FROM daybook.clock() - accepted_at)::bigint AS age,
                extract(epoch FROM deadline_at - daybook.clock())::bigint AS seconds_left
            FROM daybook.adopt($1, $2::integer)
            """,
            [.int(worker), .int(Int64(limit))]
        ).map(Self.acceptedTask)
    }

    static func acceptedTask(_ row: Row) throws -> AcceptedTask {
        guard let model = VideoModel(rawValue: try row.text("model")) else {
            throw PostgresError(.decoding, "A task names a model that this program does not know.", column: "model")
        }
        return AcceptedTask(
            userID: try row.uuid("user_id"), batchID: try row.uuid("batch_id"), taskID: try row.uuid("task_id"),
            model: model,
            providerTaskID: try row.text("provider_task_id"), ageSeconds: try row.int("age"),
            secondsLeft: try row.int("seconds_left"))
    }

    func rows(_ sql: String, _ parameters: [Value]) throws -> [Row] {
        guard !session.isInTransaction else { return try rowsAtOnce(sql, parameters) }
        do {
            return try session.query(sql, parameters)
        } catch let error as PostgresError {
            throw EngineFault(error) ?? error
        }
    }

    /// The rows of one statement, which is a transaction by itself where the session is in none: what it gives is
    /// committed then. Of all names in it each has its schema.
    func rowsAtOnce(_ sql: String, _ parameters: [Value]) throws -> [Row] {
        do {
            return try session.queryOften(sql, parameters)
        } catch let error as PostgresError {
            throw EngineFault(error) ?? error
        }
    }
}

/// The life of workers, and what any of them does for all.
extension WorkQueue {
    /// A fresh incarnation: its number never comes back.
    public func register(host: String, processID: Int32) throws -> Int64 {
        try rows("SELECT daybook.register_worker($1, $2::integer) AS id", [.text(host), .int(Int64(processID))])[0]
            .int("id")
    }

    /// Says that the worker lives.
    public func heartbeat(_ worker: Int64) throws {
        _ = try rowsAtOnce("SELECT daybook.heartbeat($1)", [.int(worker)])
    }

    /// Locks the worker's row against being declared dead until the transaction ends. Throws ``EngineFault`` `fenced`
    /// where that has happened.
    public func fence(_ worker: Int64) throws -> WorkerFence {
        _ = try rows("SELECT daybook.hold_worker($1)::text", [.int(worker)])
        return WorkerFence()
    }

    /// The worker goes: what it was sending is unknown, what the provider took is for others to poll.
    public func leave(_ worker: Int64) throws {
        _ = try rows("SELECT daybook.leave($1, 'stopped')::text", [.int(worker)])
    }

    /// Declares workers dead that have been silent for so long, and says which.
    public func bury(silenceMilliseconds: Int64) throws -> [Int64] {
        try rows(
            "SELECT daybook.bury($1 * interval '1 millisecond') AS workers", [.int(silenceMilliseconds)])[0]
            .ints("workers")
    }

    /// Looks at the turns of up to `limit` customers after a place in the list, and puts right what is wrong.
    public func mendTurns(after place: TurnPlace, limit: Int) throws -> (last: TurnPlace?, mended: Int64) {
        let row = try rows(
            "SELECT last_user, last_model, mended FROM daybook.mend_turns($1, $2, $3::integer)",
            [.uuid(place.userID), .text(place.model), .int(Int64(limit))])[0]
        let last = try row.optionalText("last_model").map { TurnPlace(userID: try row.uuid("last_user"), model: $0) }
        return (last, try row.int("mended"))
    }

    /// Takes out one customer's expired bonus; false once there is none.
    public func expireCredit() throws -> Bool {
        try rows("SELECT daybook.expire_credit() AS did", [])[0].bool("did")
    }
}

/// What came of a record of answers.
public struct RecordedAnswers: Sendable {
    /// The tasks that are the worker's to poll from now on.
    public let accepted: [AcceptedTask]
    /// The models whose gate these answers closed.
    public let closedGates: [VideoModel]
}

/// A place in the list of customers' turns: a customer and a model, in the order of their names.
public struct TurnPlace: Sendable, Hashable {
    public let userID: String
    public let model: String

    /// The place before all others.
    public static let start = TurnPlace(userID: "00000000-0000-0000-0000-000000000000", model: "")
}

/// How far a walk through the customers' turns has come.
struct TurnWalk {
    /// From the beginning of one walk to that of the next one, at least.
    static let pause = Duration.seconds(60)

    private var last: TurnPlace?
    private var beganAt: ContinuousClock.Instant?

    /// Where to go on; nil until it is time for the next walk.
    mutating func place(now: ContinuousClock.Instant) -> TurnPlace? {
        if let last { return last }
        if let beganAt, now - beganAt < Self.pause { return nil }
        beganAt = now
        return .start
    }

    /// - Parameter place: Nil at the end of the list.
    mutating func went(to place: TurnPlace?) { last = place }
}

/// Leave of one worker to end tasks: its row is locked against being declared dead until the transaction ends.
///
/// Only ``WorkQueue/fence(_:)`` makes one. It is of no use to another transaction, and must not leave its own.
public struct WorkerFence {
    fileprivate init() {}
}

/// A task that was claimed: its intent is committed, and nobody else will send it.
public struct Submission: Sendable, Hashable {
    public let userID: String
    public let batchID: String
    public let taskID: String
    /// 128 random bits that name this attempt in the callback's address.
    public let nonce: [UInt8]
    public let attempt: Int64
    public let model: VideoModel
    public let prompt: String
    public let referenceURL: String?
    public let aspectRatio: String
    public let durationSeconds: Int64
    public let size: String

    /// What the provider is asked, with the address under `callbackBase` that carries customer and nonce.
    func request(callbackBase: String?) -> ProviderRequest {
        ProviderRequest(
            model: model, prompt: prompt, referenceURL: referenceURL, aspectRatio: aspectRatio,
            durationSeconds: durationSeconds, size: size,
            callbackURL: callbackBase.map { "\($0)/\(userID)/\(Hexadecimal.text(nonce))" })
    }
}

/// A task that the provider has: what it takes to ask for it.
public struct AcceptedTask: Sendable, Hashable {
    public let userID: String
    public let batchID: String
    public let taskID: String
    public let model: VideoModel
    public let providerTaskID: String
    /// Engine seconds since it was accepted, when this was read.
    public let ageSeconds: Int64
    /// Engine seconds left to its deadline, when this was read; negative past it.
    public let secondsLeft: Int64
}
