import HTTPTypes
import Hummingbird

extension RouterMethods where Context == APIContext {
    typealias Handler = @Sendable (Request, APIContext) async throws -> Response

    /// Adds a path with all that its methods do. Every other method is answered with those that there are; HEAD comes
    /// with GET by itself.
    func path(_ path: RouterPath, _ handlers: KeyValuePairs<HTTPRequest.Method, Handler>) {
        var methods = handlers.map(\.key)
        if methods.contains(.get) { methods.append(.head) }
        let allowed = methods.map(\.rawValue).joined(separator: ", ")
        for (method, handler) in handlers { on(path, method: method, use: handler) }
        let known: [HTTPRequest.Method] = [
            .get, .head, .post, .put, .patch, .delete, .options, .trace, .connect,
        ]
        for method in known where !methods.contains(method) {
            on(path, method: method) { request, _ -> Response in
                let named = request.method == .head ? "GET" : request.method.rawValue
                var error = APIError(.methodNotAllowed, "This call has \(allowed), and no \(named).")
                error.allowed = allowed
                throw error
            }
        }
    }
}
