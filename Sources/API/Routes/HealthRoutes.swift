import BatchEngine
import Domain
import Formats
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Postgres

/// `/healthz` says that the process answers, `/readyz` that it can work, `/metrics` how the service stands,
/// `/openapi.yaml` what all calls are.
struct HealthRoutes: Sendable {
    let readiness: Readiness
    let watch: Watch

    func add(to router: Router<APIContext>) {
        router.path("healthz", [.get: { _, _ in Response(["ok": true]) }])
        router.path("readyz", [.get: ready])
        router.path("metrics", [.get: metrics])
        router.path("openapi.yaml", [.get: { _, _ in Self.document }])
    }

    @Sendable private func metrics(_ request: Request, _ context: APIContext) async throws -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try await watch.metrics())))
    }

    private static var document: Response {
        Response(
            status: .ok, headers: [.contentType: "application/yaml"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: PackageResources.openapi_yaml)))
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

/// Whether the database can be worked with: asked when it is wanted, by one at a time, and not again for a while.
actor Readiness {
    enum Answer: Sendable {
        case ready
        /// The database is there and is not what we need, as the sentence says.
        case unprepared(String)
        case failed(PostgresError)
    }

    private let pool: ConnectionPool
    private let explain: @Sendable (any Error) -> String?
    private var known: (answer: Answer, at: Int64)?
    private var asking: Task<Answer, Never>?

    /// - Parameter explain: The sentence of an error that is not the database's own; nil where it is none of ours.
    init(_ pool: ConnectionPool, explain: @escaping @Sendable (any Error) -> String?) {
        self.pool = pool
        self.explain = explain
    }

    func answer() async -> Answer {
        if let known, Traffic.now - known.at < Limits.readinessMilliseconds { return known.answer }
        if let asking { return await asking.value }
        let asking = Task { await ask() }
        self.asking = asking
        let answer = await asking.value
        known = (answer, Traffic.now)
        self.asking = nil
        return answer
    }

    private nonisolated func ask() async -> Answer {
        do {
            try await pool.run { session in
                try EngineSchema.require(session)
                try session.requireWritable()
            }
            return .ready
        } catch let error as PostgresError {
            return .failed(error)
        } catch {
            guard let sentence = explain(error) else {
                return .failed(PostgresError(.connectionFailed, "The database cannot be asked."))
            }
            return .unprepared(sentence)
        }
    }
}
