/// What of the simulator can be set, before it starts and while it runs.
///
/// A rate is counted per mille of the tasks (or polls) that it could strike.
public enum Knob: String, Sendable, Hashable, CaseIterable, Codable {
    case seed

    case sora2P50Seconds = "sora2_p50_seconds"
    case sora2P95Seconds = "sora2_p95_seconds"
    case veoFastP50Seconds = "veo_fast_p50_seconds"
    case veoFastP95Seconds = "veo_fast_p95_seconds"
    case veoProP50Seconds = "veo_pro_p50_seconds"
    case veoProP95Seconds = "veo_pro_p95_seconds"

    case tooManyRequests = "too_many_requests"
    case unauthorized
    case badRequest = "bad_request"
    case refuse
    case errorBeforeAccepting = "error_before_accepting"

    case acceptThenDrop = "accept_then_drop"
    case acceptThenError = "accept_then_error"
    case acceptThenHang = "accept_then_hang"
    case acceptDataNull = "accept_data_null"
    case acceptFlat = "accept_flat"
    case acceptGarbage = "accept_garbage"

    case inputModeration = "input_moderation"
    case outputModeration = "output_moderation"
    case error
    case violation
    case stall
    case successWithoutURL = "success_without_url"

    case unknownStatus = "unknown_status"

    case pollTooManyRequests = "poll_too_many_requests"
    case pollError = "poll_error"
    case pollDataNull = "poll_data_null"
    case pollFlat = "poll_flat"

    case callbackMissing = "callback_missing"
    case callbackDuplicate = "callback_duplicate"
    case callbackOutOfOrder = "callback_out_of_order"
    case callbackForged = "callback_forged"

    case notFoundSeconds = "not_found_seconds"
    case retryAfterSeconds = "retry_after_seconds"
    case hangSeconds = "hang_seconds"
    case urlLifeSeconds = "url_life_seconds"

    case videoKilobytes = "video_kilobytes"
    case videoMissing = "video_missing"
    case videoCut = "video_cut"
    case videoWrongLength = "video_wrong_length"
    case videoPage = "video_page"
    case videoSlow = "video_slow"

    case credits
    case sora2Credits = "sora2_credits"
    case veoFastCredits = "veo_fast_credits"
    case veoProCredits = "veo_pro_credits"
}

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
        case .videoKilobytes: "a video has so many kilobytes; 0 is one or two"
        case .videoMissing: "a video's address answers HTTP 404"
        case .videoCut: "a video's line closes in the middle of it"
        case .videoWrongLength: "a video's answer announces twice the bytes that it has"
        case .videoPage: "a video's address answers a page with HTTP 200"
        case .videoSlow: "a video comes in pieces with a tenth of a second between them"
        case .credits: "credits left at the provider; -1 is without end"
        case .sora2Credits, .veoFastCredits, .veoProCredits: "what a task costs"
        }
    }
}

extension Knob {
    /// Choices that exclude each other: one draw decides among them.
    static let refusals: [Knob] = [.tooManyRequests, .unauthorized, .badRequest, .refuse, .errorBeforeAccepting]
    static let replies: [Knob] = [
        .acceptThenDrop, .acceptThenError, .acceptThenHang, .acceptDataNull, .acceptFlat, .acceptGarbage,
    ]
    static let outcomes: [Knob] = [
        .inputModeration, .outputModeration, .error, .violation, .stall, .successWithoutURL,
    ]
    static let pollFaults: [Knob] = [.pollTooManyRequests, .pollError, .pollDataNull, .pollFlat]
    static let videoFaults: [Knob] = [.videoMissing, .videoCut, .videoWrongLength, .videoPage, .videoSlow]
    static let exclusive = [refusals, replies, outcomes, pollFaults, videoFaults]

    /// True where the value is a rate per mille.
    public var isRate: Bool {
        switch self {
        case .unknownStatus, .callbackMissing, .callbackDuplicate, .callbackOutOfOrder, .callbackForged: true
        default: Self.exclusive.contains { $0.contains(self) }
        }
    }

    /// The values that can be set.
    public var range: ClosedRange<Int64> {
        if isRate { return 0...1000 }
        switch self {
        case .seed: return 0...Int64.max
        case .credits: return -1...1_000_000_000_000
        case .sora2Credits, .veoFastCredits, .veoProCredits: return 0...1_000_000
        case .notFoundSeconds, .retryAfterSeconds, .hangSeconds, .urlLifeSeconds: return 0...86_400
        case .videoKilobytes: return 0...1_048_576
        default: return 1...86_400
        }
    }

    /// The value of a provider without faults.
    public var calm: Int64 {
        switch self {
        case .seed: 1
        case .sora2P50Seconds: 75
        case .sora2P95Seconds: 120
        case .veoFastP50Seconds: 90
        case .veoFastP95Seconds: 240
        case .veoProP50Seconds: 240
        case .veoProP95Seconds: 600
        case .retryAfterSeconds: 5
        case .hangSeconds: 600
        case .urlLifeSeconds: 7_200
        case .credits: -1
        case .sora2Credits: 1_600
        case .veoFastCredits: 4_000
        case .veoProCredits: 16_000
        default: 0
        }
    }

    /// The value of a provider that does all that a provider may do, and still renders most videos.
    public var faulty: Int64 {
        switch self {
        case .tooManyRequests, .errorBeforeAccepting: 20
        case .refuse: 10
        case .badRequest: 5
        case .acceptThenDrop, .acceptThenError: 30
        case .acceptThenHang: 10
        case .acceptDataNull, .acceptFlat, .acceptGarbage: 10
        case .inputModeration, .outputModeration, .error: 20
        case .violation, .stall, .successWithoutURL: 10
        case .unknownStatus: 20
        case .pollTooManyRequests, .pollError, .pollDataNull, .pollFlat: 20
        case .videoMissing, .videoCut, .videoWrongLength, .videoPage, .videoSlow: 20
        case .callbackMissing: 200
        case .callbackDuplicate, .callbackOutOfOrder, .callbackForged: 100
        case .notFoundSeconds: 3
        default: calm
        }
    }
}
