/// How a task ended, for the engine's record and for the customer's.
public struct TaskEnding: Sendable, Hashable {
    public let taskID: String
    /// The finer state: `succeeded`, `failed`, `timed_out`.
    public let state: String
    /// The deployment's words, nil for a success.
    public let failureReason: String?
    public let failureType: String?
    public let message: String?
    public let videoURL: String?

    public static func succeeded(_ taskID: String, videoURL: String) -> TaskEnding {
        TaskEnding(
            taskID: taskID, state: "succeeded", failureReason: nil, failureType: nil, message: nil, videoURL: videoURL)
    }

    /// The provider rendered nothing. A refused input is the customer's, all else the model's.
    public static func failed(_ taskID: String, _ failure: ProviderStatus.Failure) -> TaskEnding {
        TaskEnding(
            taskID: taskID, state: "failed", failureReason: failure.reason,
            failureType: failure.reason == "input_moderation" ? "param_error" : "model_error",
            message: failure.message, videoURL: nil)
    }

    /// The provider refuses the task as it is.
    public static func rejected(_ taskID: String, remark: String) -> TaskEnding {
        TaskEnding(
            taskID: taskID, state: "failed", failureReason: "error", failureType: "param_error", message: remark,
            videoURL: nil)
    }

    /// The provider lost it: it does not know the task any more.
    public static func lost(_ taskID: String) -> TaskEnding {
        TaskEnding(
            taskID: taskID, state: "failed", failureReason: "error", failureType: "model_error",
            message: "The provider does not know the task.", videoURL: nil)
    }

    /// The deadline passed.
    public static func timedOut(_ taskID: String) -> TaskEnding {
        TaskEnding(
            taskID: taskID, state: "timed_out", failureReason: "error", failureType: "timeout",
            message: "The provider did not finish in time.", videoURL: nil)
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
