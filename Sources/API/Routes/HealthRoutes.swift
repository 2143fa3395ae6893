import Domain
import Hummingbird
import Logging
import Postgres

/// `/healthz` says that the process answers, `/readyz` that it can work.
struct HealthRoutes: Sendable {
    let readiness: Readiness

    func add(to router: Router<APIContext>) {
        router.path("healthz", [.get: { _, _ in Response(["ok": true]) }])
        router.path("readyz", [.get: ready])
    }

    @Sendable private func ready(_ request: Request, _ context: APIContext) async throws -> Response {
        switch await readiness.answer() {
        case .ready: return Response(["ok": true])
        case .failed(let error): throw error
        case .unprepared(let sentence):
            context.logger.error("Database without the engine", metadata: ["error.sentence": "\(sentence)"])
            throw APIError(.serviceUnavailable, "The database is not prepared for this service.")
        }
    }
}
