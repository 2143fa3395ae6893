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

    case credits
    case sora2Credits = "sora2_credits"
    case veoFastCredits = "veo_fast_credits"
    case veoProCredits = "veo_pro_credits"
}
