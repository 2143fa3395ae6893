import Domain
import Formats
import HTTPTypes
import Hummingbird

/// The addresses for whoever tests: what was taken, what was counted, and the knobs.
struct AdminRoutes: Sendable {
    let provider: SimulatedProvider

    func add(to router: Router<SimulatorContext>) {
        let admin = router.group("admin")
        admin.get("tasks") { request, _ in
            let query = request.uri.queryParameters
            let page = await provider.adminTasks(
                nonce: query.get("nonce"), id: query.get("id"),
                offset: max(0, query.get("offset", as: Int.self) ?? 0),
                limit: max(0, query.get("limit", as: Int.self) ?? Int.max))
            return try CannedAnswer.json(page).response
        }
        admin.get("stats") { _, _ in try CannedAnswer.json(await provider.stats()).response }
        admin.get("knobs") { _, _ in try CannedAnswer.json(await provider.knobs.named).response }
        admin.post("knobs") { request, _ in
            try await act(request) { try await provider.change($0) }
        }
        admin.post("clock") { request, _ in
            try await act(request) { changes in
                guard let seconds = changes["advance_seconds"], changes.count == 1 else {
                    throw DaybookError.usage("Send {\"advance_seconds\": N}.")
                }
                return ["simulated_seconds": try await provider.advance(bySeconds: seconds)]
            }
        }
    }

    /// Numbers by name in, numbers by name out; a mistake is a 400 with its sentence.
    private func act(
        _ request: Request, _ action: ([String: Int64]) async throws -> [String: Int64]
    ) async throws -> Response {
        var request = request
        guard let changes = try await ProviderRoutes.decode([String: Int64].self, &request) else {
            return try CannedAnswer.json(["error": "Send a JSON object of whole numbers by name."], status: 400)
                .response
        }
        do {
            return try CannedAnswer.json(try await action(changes)).response
        } catch let error as DaybookError {
            return try CannedAnswer.json(["error": error.sentence], status: 400).response
        }
    }
}
