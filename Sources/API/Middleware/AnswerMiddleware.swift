import HTTPTypes
import Hummingbird
import Logging

/// The outermost layer: turns every failure into an answer of the API, and writes one line of log per request.
///
/// What stands in HTTP itself is decided here: a transfer coding that we do not know is refused, and HEAD has the
/// answer of GET without its body. So is what callers without a key may do.
struct AnswerMiddleware: RouterMiddleware {
    typealias Context = APIContext

    /// Paths that are answered from memory, and asked for by balancers and the provider: nobody's calls use them up.
    private static let openPaths = ["/healthz", "/readyz", "/callbacks/"]
    /// Beside them what is no call of the API, and nobody's minute.
    private static let uncountedPaths = openPaths + ["/metrics", "/openapi.yaml"]

    let doorkeeper: Doorkeeper
    let watch: Watch
    let minutes: OwnMinutes
    let proxies: TrustedProxies

    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let startedAt = ContinuousClock.now
        var context = context
        context.beganAt = Traffic.now
        context.remoteAddress = proxies.address(of: request, at: context.remoteAddress)
        var response: Response
        do {
            try Self.checkCoding(of: request)
            try countKeyless(request, context)
            response = try await next(request, context)
        } catch {
            let failure = APIError(error, request, context.logger)
            context.findings.errorCode = failure.code.rawValue
            response = Response(failure, to: request)
        }
        if request.method == .head { response = response.createHeadResponse() }
        log(request, response, context, ContinuousClock.now - startedAt)
        return response
    }

    /// What is not `chunked` would be taken for the body itself.
    private static func checkCoding(of request: Request) throws {
        let codings = request.headers[values: .transferEncoding]
        guard codings.isEmpty || codings.count == 1 && codings[0].lowercased() == "chunked" else {
            var error = APIError(.unknownTransferCoding, "A body comes with its content-length, or chunked.")
            error.closesConnection = true
            throw error
        }
    }

    private func countKeyless(_ request: Request, _ context: APIContext) throws {
        let path = request.uri.path
        let isOpen = Self.openPaths.contains { path.hasPrefix($0) }
        guard !isOpen, KeyMiddleware.key(of: request) == nil else { return }
        try doorkeeper.countKeylessCall(at: context.countedAddress)
    }

    private func log(_ request: Request, _ response: Response, _ context: APIContext, _ duration: Duration) {
        let milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        watch.answered(
            request.method.rawValue, context.endpointPath ?? "", Int(response.status.code), milliseconds)
        count(request, context, Int(response.status.code), duration)
        // The route and not the address: what somebody writes into an address is not ours to keep.
        var metadata: Logger.Metadata = [
            "http.method": "\(request.method.rawValue)", "http.route": "\(context.endpointPath ?? "")",
            "http.status": "\(response.status.code)", "duration_ms": "\(milliseconds)",
        ]
        if let userID = context.findings.userID { metadata["user.id"] = "\(userID)" }
        if let keyID = context.findings.keyID { metadata["key.id"] = "\(keyID)" }
        if let code = context.findings.errorCode { metadata["error.code"] = "\(code)" }
        context.logger.info("Request answered", metadata: metadata)
    }

    /// Counts a call of whoever has a key, and everybody's that was served or failed here: strangers who are sent away,
    /// however many they are, make the figures neither better nor worse.
    private func count(_ request: Request, _ context: APIContext, _ status: Int, _ duration: Duration) {
        let isServerError = status >= 500
        guard isServerError || status < 400 || context.findings.userID != nil else { return }
        guard !Self.uncountedPaths.contains(where: { request.uri.path.hasPrefix($0) }) else { return }
        minutes.note(isServerError: isServerError, took: duration)
    }
}
