import BatchEngine
import Domain
import Formats
import Postgres
import Synchronization

/// How the service stands, for `/metrics`: read when it is wanted, by one at a time, and not again for a while. Beside
/// it, what this process has answered itself.
actor Watch {
    private let pool: ConnectionPool
    private nonisolated let calls = Calls()
    private var known: (readings: ServiceReadings, at: Int64)?
    private var asking: Task<ServiceReadings, any Error>?

    init(_ pool: ConnectionPool) {
        self.pool = pool
    }

    /// Throws what the database throws.
    func metrics() async throws -> [UInt8] {
        var metrics = MetricsText()
        try await readings().add(to: &metrics)
        calls.add(to: &metrics)
        return metrics.bytes
    }

    /// Counts an answer.
    nonisolated func answered(_ method: String, _ route: String, _ status: Int, _ milliseconds: Int64) {
        calls.note(method, route, status, milliseconds)
    }

    private func readings() async throws -> ServiceReadings {
        if let known, Traffic.now - known.at < Limits.metricsMilliseconds { return known.readings }
        if let asking { return try await asking.value }
        let pool = pool
        let asking = Task { try await pool.transaction(.snapshot) { try ServiceReadings($0) } }
        self.asking = asking
        defer { self.asking = nil }
        let readings = try await asking.value
        known = (readings, Traffic.now)
        return readings
    }

    /// Answers by route: as many series as there are routes and statuses, whatever callers ask for.
    private final class Calls: Sendable {
        private struct Call: Hashable {
            let method: String
            let route: String
            let status: Int
        }

        private let counts = Mutex<[Call: (count: Int64, milliseconds: Int64)]>([:])

        func note(_ method: String, _ route: String, _ status: Int, _ milliseconds: Int64) {
            counts.withLock { counts in
                let call = Call(method: method, route: route, status: status)
                let before = counts[call] ?? (0, 0)
                counts[call] = (before.count + 1, before.milliseconds + milliseconds)
            }
        }

        func add(to metrics: inout MetricsText) {
            let counts = counts.withLock { $0 }.sorted {
                ($0.key.route, $0.key.method, $0.key.status)
                    < ($1.key.route, $1.key.method, $1.key.status)
            }
            func labels(_ call: Call) -> [String: String] {
                ["method": call.method, "route": call.route, "status": String(call.status)]
            }
            metrics.add(
                "daybook_http_answers_total", .counter, "Answers of this process, by route.",
                counts.map { .init(labels($0), $1.count) })
            metrics.add(
                "daybook_http_answer_seconds_total", .counter, "What they took together.",
                counts.map { .init(labels($0), milliseconds: $1.milliseconds) })
        }
    }
}
