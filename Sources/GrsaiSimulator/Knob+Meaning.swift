import Formats

extension Knob {
    /// One sentence of help.
    public var meaning: String {
        switch self {
        case .seed: "decides everything that looks like chance"
        case .sora2P50Seconds, .veoFastP50Seconds, .veoProP50Seconds: "half of the tasks take at most so long"
        case .sora2P95Seconds, .veoFastP95Seconds, .veoProP95Seconds: "95 % take at most so long, the rest up to twice"
        case .tooManyRequests: "answers HTTP 429 with Retry-After, takes nothing"
        case .unauthorized: "answers HTTP 401, takes nothing"
        case .badRequest: "answers HTTP 400, takes nothing"
        case .refuse: "answers HTTP 200 with a code that is not 0, takes nothing"
        case .errorBeforeAccepting: "answers HTTP 500, takes nothing"
        case .acceptThenDrop: "takes the task, then closes the line without an answer"
        case .acceptThenError: "takes the task, then answers HTTP 502"
        case .acceptThenHang: "takes the task, then says nothing"
        case .acceptDataNull: "takes the task, then answers code 0 with data null"
        case .acceptFlat: "takes the task, answers {\"id\":…} without the wrapping"
        case .acceptGarbage: "takes the task, answers HTTP 200 with something that is no JSON"
        case .inputModeration: "fails for the prompt, soon"
        case .outputModeration: "fails for the video, at the end"
        case .error: "fails with a system error, at the end"
        case .violation: "ends with the newer status word violation"
        case .stall: "stays at 99 % for ever"
        case .successWithoutURL: "succeeds and has no video"
        case .unknownStatus: "runs under a status word that nobody knows"
        case .pollTooManyRequests: "a poll gets HTTP 429 with Retry-After"
        case .pollError: "a poll gets HTTP 500"
        case .pollDataNull: "a poll gets code 0 with data null"
        case .pollFlat: "a poll gets the task's object without the wrapping"
        case .callbackMissing: "sends no callback"
        case .callbackDuplicate: "sends every callback twice"
        case .callbackOutOfOrder: "sends a report of progress after the final one"
        case .callbackForged: "false callbacks come in: an early success, and a task that never was"
        case .notFoundSeconds: "a task is not found (-22) for so long after it was taken"
        case .retryAfterSeconds: "the header Retry-After of a 429"
        case .hangSeconds: "a hung line is closed after so long; real seconds, never scaled"
        case .urlLifeSeconds: "a video's address works for so long after its success"
        case .credits: "credits left at the provider; -1 is without end"
        case .sora2Credits, .veoFastCredits, .veoProCredits: "what a task costs"
        }
    }
}
