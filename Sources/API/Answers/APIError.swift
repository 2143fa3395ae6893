import BatchEngine
import Domain
import Formats
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Postgres

/// A request that is answered with an error.
struct APIError: Error, Sendable {
    let code: APIErrorCode
    /// One sentence for the people who wrote the client.
    let message: String
    /// Members beyond those that every error has.
    var members: [JSON.Member] = []
    /// Seconds after which trying again makes sense.
    var retryAfterSeconds: Int64?
    /// True where nothing more can be read on the connection.
    var closesConnection = false
    /// The methods that the path has, where the request's is none of them.
    var allowed: String?

    init(_ code: APIErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The body: what clients of the contract read, and the members of RFC 9457 beside it. The members that one code
    /// has and others do not stand in `details`, and beside it, where they were before there was one.
    var body: JSON {
        let status = code.status
        return .object(
            [
                JSON.Member("ok", false), JSON.Member("error", .string(code.rawValue)),
                JSON.Member("message", .string(message)), JSON.Member("details", .object(members)),
            ] + members + [
                JSON.Member("type", "about:blank"), JSON.Member("title", .string(status.reasonPhrase)),
                JSON.Member("status", .integer(status.code)), JSON.Member("detail", .string(message)),
            ])
    }
}

/// What a request can fail with: the word that clients branch on, and its HTTP status. The one table of both.
enum APIErrorCode: String, Sendable, Hashable, CaseIterable {
    case invalidJSON = "INVALID_JSON"
    case invalidRequest = "INVALID_REQUEST"
    case batchNotCancellable = "BATCH_NOT_CANCELLABLE"
    case batchFinished = "BATCH_FINISHED"
    case missingAPIKey = "MISSING_API_KEY"
    case insufficientCredits = "INSUFFICIENT_CREDITS"
    case apiKeyExpired = "API_KEY_EXPIRED"
    case invalidAPIKey = "INVALID_API_KEY"
    case addressNotAllowed = "ADDRESS_NOT_ALLOWED"
    case insufficientScope = "INSUFFICIENT_SCOPE"
    case accountInactive = "ACCOUNT_INACTIVE"
    case notFound = "NOT_FOUND"
    case batchNotFound = "BATCH_NOT_FOUND"
    case receiptNotFound = "RECEIPT_NOT_FOUND"
    case accessRefused = "ACCESS_REFUSED"
    case videoNotFound = "VIDEO_NOT_FOUND"
    case videoRemoved = "VIDEO_REMOVED"
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
        case .invalidJSON, .invalidRequest, .batchNotCancellable, .batchFinished: .badRequest
        case .missingAPIKey, .apiKeyExpired: .unauthorized
        case .insufficientCredits: .init(code: 402, reasonPhrase: "Payment Required")
        case .invalidAPIKey, .addressNotAllowed, .insufficientScope, .accountInactive, .accessRefused: .forbidden
        case .notFound, .batchNotFound, .receiptNotFound, .videoNotFound: .notFound
        case .videoRemoved: .gone
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

extension APIError {
    /// What any failure is to the caller. What they can do nothing about is logged, without the values in it.
    init(_ error: any Error, _ request: Request, _ logger: Logger) {
        switch error {
        case let error as APIError: self = error
        case let error as InvalidRequest: self.init(error)
        case let fault as BodyFault: self.init(fault)
        case let defect as JSONDefect: self.init(.invalidJSON, "The body is not JSON: \(defect).")
        case let error as HTTPError where error.status == .notFound:
            self.init(.notFound, "There is no such call: \(Self.method(of: request)) \(request.uri.path)")
        case let error as HTTPError where error.status.kind == .clientError:
            self.init(.invalidRequest, "The request cannot be read.")
        case is HTTPParserError, is ChannelError, is IOError:
            // The client's line or its HTTP is broken: there may be nobody to read this.
            self.init(.invalidRequest, "The request cannot be read.")
            closesConnection = true
        case let error as PostgresError where Self.passes(error):
            logger.warning(
                "Database not available",
                metadata: ["error.code": "\(error.code)", "error.sqlstate": "\(error.sqlState?.rawValue ?? "")"])
            self.init(
                .serviceUnavailable,
                "The service is busy or restarting. Try again; the same request_id never makes a second batch.")
            retryAfterSeconds = 2
        case let error as PostgresError:
            logger.error(
                "Request failed in the database",
                metadata: [
                    "error.code": "\(error.code)", "error.sqlstate": "\(error.sqlState?.rawValue ?? "")",
                    "error.constraint": "\(error.constraint ?? "")", "error.sentence": "\(error.sentence)",
                ])
            self.init(.internalError, "Something went wrong here; it has been logged.")
        default:
            logger.error("Request failed", metadata: ["error.type": "\(type(of: error))"])
            self.init(.internalError, "Something went wrong here; it has been logged.")
        }
    }

    private init(_ error: InvalidRequest) {
        self.init(.invalidRequest, error.sentence)
        members = [JSON.Member("errors", .array(error.problems.map(WireFormat.problem)))]
    }

    private init(_ fault: BodyFault) {
        switch fault {
        case .tooSlow: self.init(.requestTimeout, "The body took too long to come; send it faster, or in parts.")
        case .keyIsFull:
            self.init(.rateLimitExceeded, "The bodies that this key sends at once are too large; send them in turn.")
            retryAfterSeconds = 2
        case .serverIsFull:
            self.init(
                .serviceUnavailable,
                "The server has no room for this body now. Try again; the same request_id never makes a second batch.")
            retryAfterSeconds = 2
        }
        closesConnection = true
    }

    /// The method as it is named to the caller: HEAD is answered as GET is.
    private static func method(of request: Request) -> String {
        request.method == .head ? "GET" : request.method.rawValue
    }

    /// True for failures that pass by themselves.
    private static func passes(_ error: PostgresError) -> Bool {
        switch error.code {
        case .connectionFailed, .connectionLost, .commitUnknown, .sessionLimit, .tooManyConnections, .poolExhausted,
            .closed, .cancelled, .timeout, .lockNotAvailable, .standby, .readOnlyDatabase, .replayConflict:
            true
        default: ["40", "53", "57"].contains(error.sqlState?.category)
        }
    }
}
