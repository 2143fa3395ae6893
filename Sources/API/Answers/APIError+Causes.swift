import BatchEngine
import Domain
import Formats
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Postgres

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
