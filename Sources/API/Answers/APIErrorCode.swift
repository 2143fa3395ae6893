import HTTPTypes

/// What a request can fail with: the word that clients branch on, and its HTTP status. The one table of both.
enum APIErrorCode: String, Sendable, Hashable, CaseIterable {
    case invalidJSON = "INVALID_JSON"
    case invalidRequest = "INVALID_REQUEST"
    case batchNotCancellable = "BATCH_NOT_CANCELLABLE"
    case missingAPIKey = "MISSING_API_KEY"
    case insufficientCredits = "INSUFFICIENT_CREDITS"
    case invalidAPIKey = "INVALID_API_KEY"
    case accountInactive = "ACCOUNT_INACTIVE"
    case notFound = "NOT_FOUND"
    case batchNotFound = "BATCH_NOT_FOUND"
    case idempotencyConflict = "IDEMPOTENCY_CONFLICT"
    case methodNotAllowed = "METHOD_NOT_ALLOWED"
    case requestTimeout = "REQUEST_TIMEOUT"
    case payloadTooLarge = "PAYLOAD_TOO_LARGE"
    case rateLimitExceeded = "RATE_LIMIT_EXCEEDED"
    case internalError = "INTERNAL_ERROR"
    case unknownTransferCoding = "UNKNOWN_TRANSFER_CODING"
    case serviceUnavailable = "SERVICE_UNAVAILABLE"

    var status: HTTPResponse.Status {
        switch self {
        case .invalidJSON, .invalidRequest, .batchNotCancellable: .badRequest
        case .missingAPIKey: .unauthorized
        case .insufficientCredits: .init(code: 402, reasonPhrase: "Payment Required")
        case .invalidAPIKey, .accountInactive: .forbidden
        case .notFound, .batchNotFound: .notFound
        case .idempotencyConflict: .conflict
        case .methodNotAllowed: .methodNotAllowed
        case .requestTimeout: .requestTimeout
        case .payloadTooLarge: .contentTooLarge
        case .rateLimitExceeded: .tooManyRequests
        case .internalError: .internalServerError
        case .unknownTransferCoding: .notImplemented
        case .serviceUnavailable: .serviceUnavailable
        }
    }
}
