public import Domain
import Postgres

/// How tasks end, refused, rendered, failed, or out of time, and when the credit of those that failed comes back.
extension WorkQueue {
    /// It is proved that the provider did not take a submission: the task ends, or is ready again after a pause.
    public func refuse(
        _ submission: Submission, _ refusal: SubmissionAnswer.Refusal, behind fence: WorkerFence
    ) throws {
        guard refusal.kind == .task else {
            _ = try rows(
                "SELECT daybook.put_back($1, $2, $3, $4)",
                [
                    .uuid(submission.userID), .bytes(submission.nonce), .text(refusal.remark),
                    .int(Self.pause(submission, refusal)),
                ])
            return
        }
        _ = try rows(
            "SELECT daybook.note_refusal($1, $2, $3)",
            [.uuid(submission.userID), .bytes(submission.nonce), .text(refusal.remark)])
        _ = try end(
            [.rejected(submission.taskID, remark: refusal.remark)], of: submission.batchID,
            customer: submission.userID, from: [.intent, .unknown], behind: fence)
    }

    /// Seconds before a refused submission is tried again: what the provider names, else longer each time.
    static func pause(_ submission: Submission, _ refusal: SubmissionAnswer.Refusal) -> Int64 {
        refusal.retryAfterSeconds ?? Backoff.seconds(attempt: submission.attempt)
    }

    /// Ends tasks of one batch that are still in one of the states, and settles the batch if they were its last.
    ///
    /// - Parameter asked: The provider's ids of those that were asked for: one that has another by now does not end.
    /// - Returns: The tasks that ended by this call.
    public func end(
        _ endings: [TaskEnding], of batchID: String, customer: String, from states: [TaskState],
        asked: [String: String] = [:], behind _: WorkerFence
    ) throws -> Set<String> {
        let ended = try rows(
            "SELECT daybook.end_tasks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS task_id",
            [.uuid(customer), .uuid(batchID), .uuids(endings.map(\.taskID)), .texts(states.map(\.rawValue))]
                + Self.columns(endings) + [Self.optional(endings.map { asked[$0.taskID] })])
        return try Set(ended.map { try $0.uuid("task_id") })
    }

    /// Ends accepted tasks of any batches, in one statement, and settles the batches whose last ones they were. A task
    /// that has another id by now does not end, nor one that has ended before.
    ///
    /// - Returns: The tasks that ended by this call.
    public func end(_ found: [FoundEnding], by worker: Int64) throws -> Set<String> {
        let ended = try rowsAtOnce(
            "SELECT daybook.end_accepted($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS task_id",
            [
                .int(worker), .uuids(found.map(\.task.userID)), .uuids(found.map(\.task.batchID)),
                .uuids(found.map(\.task.taskID)),
            ] + Self.columns(found.map(\.ending)) + [.texts(found.map(\.task.providerTaskID))])
        return try Set(ended.map { try $0.uuid("task_id") })
    }

    /// What is written of endings: the states, and what stands with them.
    static func columns(_ endings: [TaskEnding]) -> [Value] {
        [
            .texts(endings.map(\.state.rawValue)), optional(endings.map(\.failureReason?.rawValue)),
            optional(endings.map(\.failureType?.rawValue)), optional(endings.map(\.message)),
            optional(endings.map(\.videoURL)),
        ]
    }

    private static func optional(_ texts: [String?]) -> Value { .array(texts.map { Value($0) }, of: .text) }

    /// Engine seconds after which a running batch is looked at whether nothing keeps it open. What fails goes back
    /// before that: half a minute after it did, by `refund_due_at` of its batch.
    public static let flushSeconds: Int64 = 240

    /// Refunds failures of one batch that still runs, once that is due, or settles it; false once there is none.
    public func flush(ageSeconds: Int64 = flushSeconds) throws -> Bool {
        try rows("SELECT daybook.flush($1 * interval '1 second') AS did", [.int(ageSeconds)])[0].bool("did")
    }

    /// Ends work that waited too long, of one batch; zero once there is none.
    public func endOverdue(limit: Int) throws -> Int64 {
        try rows("SELECT daybook.end_overdue($1::integer) AS ended", [.int(Int64(limit))])[0].int("ended")
    }

    /// Tasks that were given up within so many engine seconds, and that the provider may have: those that fall to this
    /// worker to ask for.
    public func givenUp(_ worker: Int64, withinSeconds seconds: Int64, limit: Int) throws -> [AcceptedTask] {
        try rows(
            """
            SELECT *, 0::bigint AS age, 0::bigint AS seconds_left FROM daybook.given_up($1, $2, $3::integer)
            """, [.int(worker), .int(seconds), .int(Int64(limit))]
        ).map(Self.acceptedTask)
    }

    /// The provider did render a task that had been given up.
    public func noteLateSuccess(_ task: AcceptedTask) throws {
        _ = try rows(
            "SELECT daybook.note_late_success($1, $2, $3)::text",
            [.uuid(task.userID), .uuid(task.taskID), .text(task.providerTaskID)])
    }
}

/// The end of a task that the provider was asked for.
public struct FoundEnding: Sendable, Hashable {
    public let task: AcceptedTask
    public let ending: TaskEnding

    public init(_ task: AcceptedTask, _ ending: TaskEnding) {
        self.task = task
        self.ending = ending
    }
}

/// How a task ended, for the engine's record and for the customer's.
public struct TaskEnding: Sendable, Hashable {
    public let taskID: String
    /// `succeeded`, `failed` or `timedOut`.
    public let state: TaskState
    /// The provider's word, nil for a success.
    public let failureReason: ProviderStatus.Failure.Reason?
    public let failureType: ItemView.FailureType?
    public let message: String?
    public let videoURL: String?

    public static func succeeded(_ taskID: String, videoURL: String) -> TaskEnding {
        TaskEnding(
            taskID: taskID, state: .succeeded, failureReason: nil, failureType: nil, message: nil, videoURL: videoURL)
    }

    /// The provider rendered nothing. A refused input is the customer's, all else the model's.
    public static func failed(_ taskID: String, _ failure: ProviderStatus.Failure) -> TaskEnding {
        TaskEnding(
            taskID, .failed, failure.reason, failure.reason == .inputModeration ? .paramError : .modelError,
            failure.message)
    }

    /// The provider refuses the task as it is.
    public static func rejected(_ taskID: String, remark: String) -> TaskEnding {
        TaskEnding(taskID, .failed, .error, .paramError, remark)
    }

    /// The provider lost it: it does not know the task any more.
    public static func lost(_ taskID: String) -> TaskEnding {
        TaskEnding(taskID, .failed, .error, .modelError, "The provider does not know the task.")
    }

    /// The provider rendered it, and its video was not to be had as long as it was tried.
    static func notFetched(_ taskID: String) -> TaskEnding {
        TaskEnding(taskID, .failed, .error, .network, "The video was rendered, and could not be fetched.")
    }

    /// The deadline passed.
    public static func timedOut(_ taskID: String) -> TaskEnding {
        TaskEnding(taskID, .timedOut, .error, .timeout, "The provider did not finish in time.")
    }
}

extension TaskEnding {
    /// An ending without a video.
    private init(
        _ taskID: String, _ state: TaskState, _ reason: ProviderStatus.Failure.Reason, _ type: ItemView.FailureType,
        _ message: String
    ) {
        self.init(
            taskID: taskID, state: state, failureReason: reason, failureType: type, message: message, videoURL: nil)
    }
}

/// Pauses before trying again.
enum Backoff {
    private static let longestSeconds: Int64 = 300

    /// Engine seconds after the attempt of a number from 1: 2, 4, 8, … at most five minutes.
    static func seconds(attempt: Int64) -> Int64 {
        min(1 << min(max(attempt, 1), 16), longestSeconds)
    }
}
