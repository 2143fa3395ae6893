import BatchEngine
import Domain
import HTTPTypes
import Hummingbird
import Logging
import Postgres

extension APIError {
    /// What any failure is to the caller. What they can do nothing about is logged, without the values in it.
    init(_ error: any Error, _ request: Request, _ logger: Logger) {
        switch error {
        case let error as APIError: self = error
        case let error as InvalidRequest: self.init(error)
        case let defect as JSONDefect: self.init(.invalidJSON, "The body is not JSON: \(defect).")
        case let error as HTTPError where error.status == .notFound:
            self.init(.notFound, "There is no such call: \(request.method.rawValue) \(request.uri.path)")
        case let error as HTTPError where error.status.kind == .clientError:
            self.init(.invalidRequest, "The request cannot be read.")
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
        let problems = error.problems.map { problem -> JSON in
            [
                "pointer": .string(problem.pointer), "field": .string(problem.place),
                "detail": .string(problem.sentence),
            ]
        }
        members = [JSON.Member("errors", .array(problems))]
    }

    /// True for failures that pass by themselves.
    private static func passes(_ error: PostgresError) -> Bool {
        switch error.code {
        case .connectionFailed, .connectionLost, .commitUnknown, .tooManyConnections, .poolExhausted, .closed,
            .cancelled, .timeout, .lockNotAvailable:
            true
        default: ["40", "53", "57"].contains(error.sqlState?.category)
        }
    }
}
