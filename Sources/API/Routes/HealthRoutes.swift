import BatchEngine
import Domain
import Hummingbird
import Logging
import Postgres

/// `/healthz` says that the process answers, `/readyz` that it can work.
struct HealthRoutes: Sendable {
    let pool: ConnectionPool

    func add(to router: Router<APIContext>) {
        router.get("healthz") { _, _ in Response(["ok": true]) }
        router.get("readyz") { _, context in
            do {
                try await pool.run { try EngineSchema.require($0) }
                return Response(["ok": true])
            } catch let error as DaybookError {
                context.logger.error("Database without the engine", metadata: ["error.sentence": "\(error.sentence)"])
                throw APIError(.serviceUnavailable, "The database is not prepared for this service.")
            }
        }
    }
}
