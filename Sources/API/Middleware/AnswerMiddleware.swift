import HTTPTypes
import Hummingbird
import Logging

/// The outermost layer: turns every failure into an answer of the API, and writes one line of log a request.
struct AnswerMiddleware: RouterMiddleware {
    typealias Context = APIContext

    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let startedAt = ContinuousClock.now
        let response: Response
        do {
            response = try await next(request, context)
        } catch {
            let failure = APIError(error, request, context.logger)
            context.findings.errorCode = failure.code.rawValue
            response = Response(failure, to: request)
        }
        log(request, response, context, ContinuousClock.now - startedAt)
        return response
    }

    private func log(_ request: Request, _ response: Response, _ context: APIContext, _ duration: Duration) {
        let milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        // The route and not the address: what somebody writes into an address is not ours to keep.
        var metadata: Logger.Metadata = [
            "http.method": "\(request.method.rawValue)", "http.route": "\(context.endpointPath ?? "")",
            "http.status": "\(response.status.code)", "duration_ms": "\(milliseconds)",
        ]
        if let userID = context.findings.userID { metadata["user.id"] = "\(userID)" }
        if let code = context.findings.errorCode { metadata["error.code"] = "\(code)" }
        context.logger.info("Request answered", metadata: metadata)
    }
}
