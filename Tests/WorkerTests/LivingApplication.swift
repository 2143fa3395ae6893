import Domain
import Formats
import Foundation
import FoundationNetworking
import Postgres
import Synchronization
import TestSupport

/// The application that a deployment has had all along, as it works: its routes and the three phases of its worker,
/// each call a transaction of its own, with its own freezes and settlements of which it does not look at the answer. It
/// is killed now and then between two steps, and starts again.
struct LivingApplication: Sendable {
    /// It was killed here.
    private struct Killed: Error {}

    /// What happened to it.
    final class Log: Sendable {
        struct Counts: Sendable {
            var errors: [String] = []
            var kills = 0
            var stalls = 0
            var submissions = 0
            var batches = 0
            var settled = 0
        }

        private let counts = Mutex(Counts())

        var now: Counts { counts.withLock { $0 } }

        func note(_ change: (inout Counts) -> Void) { counts.withLock { change(&$0) } }
    }

    /// The login of the application, whose rights are those of the service role.
    static let rights = """
        GRANT USAGE ON SCHEMA public, auth TO LOGIN;
        GRANT ALL ON ALL TABLES IN SCHEMA public TO LOGIN;
        GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO LOGIN;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO LOGIN
        """

    let settings: ConnectionSettings
    let provider: String
    let providerKey: String
    let customers: [String]
    let log = Log()
    /// Seconds after which a batch that is written to no more may be taken over. A dispatcher that was held up for
    /// longer between two writes stops: what it does is what no database can prevent.
    let quietSeconds: Double
    let seed: UInt64

    /// Works until the deadline: customers' requests beside its own worker.
    func live(until deadline: ContinuousClock.Instant) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await routes(until: deadline) }
            group.addTask { try await work(until: deadline) }
            try await group.waitForAll()
        }
    }

    // MARK: - Its calls

    /// An error that it has alone, too: its payment for one video reads the wallet without a lock, and takes bonus that
    /// its worker's freeze took meanwhile.
    static func isItsOwn(_ error: String) -> Bool {
        error.hasPrefix("23514 ") && error.contains("credit_wallet_bonus_credits_check")
            && error.contains("public.deduct_credits_from_wallet")
    }

    /// A session under row-level security, as who may see everything.
    private func open() async throws -> Connection {
        let connection = try await Connection.open(settings)
        try await connection.run { try $0.executeAlone("SET request.jwt.role = 'service_role'") }
        return connection
    }

    /// One call: what fails is noted, and ends the phase that made it.
    @discardableResult
    private func call(_ connection: Connection, _ sql: String, _ parameters: [Value] = []) async throws -> [Row] {
        do {
            return try await connection.run { try $0.query(sql, parameters) }
        } catch {
            let state = (error as? PostgresError)?.sqlState?.rawValue ?? ""
            log.note { $0.errors.append("\(state) \(error): \(sql.prefix(80))") }
            throw error
        }
    }

    private func mayBeKilled(_ random: inout SeededRandom, _ oneIn: Int) throws {
        guard Int.random(in: 0..<oneIn, using: &random) == 0 else { return }
        log.note { $0.kills += 1 }
        throw Killed()
    }

    private func post(_ path: String, _ body: JSON) async throws -> JSON {
        guard let url = URL(string: provider + path) else { throw TestSupportError("\(provider) is no address") }
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        request.setValue("Bearer \(providerKey)", forHTTPHeaderField: "authorization")
        request.setValue("application/json", forHTTPHeaderField: "content-type")
        request.httpBody = Data(body.compactText.utf8)
        let (data, _) = try await URLSession.shared.data(for: request)
        return try JSON(parsing: Array(data))
    }

    private static func text(_ json: JSON?) -> String? {
        if case .string(let text)? = json { text } else { nil }
    }

    /// Hands a task to the provider, which is told whose it is by the address for callbacks. Gives the provider's id.
    private func submit(_ taskID: String, _ model: String) async throws -> String? {
        let isVeo = model.contains("veo")
        let name = model == "veo-flash" ? "veo3.1-fast" : isVeo ? "veo3.1-pro" : "sora-2"
        var members: [(String, JSON)] = [
            ("model", .string(name)), ("prompt", .string("a paper boat")), ("aspectRatio", .string("9:16")),
            ("webHook", .string("http://127.0.0.1:9/api/video/callback?task_id=\(taskID)")),
        ]
        if !isVeo { members += [("duration", .number("10")), ("size", .string("small"))] }
        log.note { $0.submissions += 1 }
        let answer = try await post(
            isVeo ? "/v1/video/veo" : "/v1/video/sora-video", .object(members.map { JSON.Member($0.0, $0.1) }))
        return Self.text(answer["data"]?["id"])
    }

    // MARK: - Its routes

    private func routes(until deadline: ContinuousClock.Instant) async throws {
        var random = SeededRandom(seed: seed)
        let connection = try await open()
        while ContinuousClock.now < deadline {
            let customer = customers[Int.random(in: 0..<customers.count, using: &random)]
            do {
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<4: try await batch(customer, "enterprise", connection, &random)
                case 4..<6: try await batch(customer, "consumer", connection, &random)
                case 6..<8: try await single(customer, connection, &random)
                case 8:
                    try await call(
                        connection, "SELECT public.add_credits_to_wallet($1, 400, 40, now() + interval '30 days')",
                        [.uuid(customer)])
                default:
                    try await call(
                        connection,
                        """
                        SELECT public.admin_adjust_user_credits($1, 'admin', 5, 'by hand', 'manual', NULL, NULL, $2, 30)
                        """, [.uuid(customer), .text(Bool.random(using: &random) ? "bonus" : "permanent")])
                }
            } catch is Killed {
            } catch is PostgresError {
                // An error page: it was noted.
            }
            // Customers take their time, which the server does for us.
            try await call(connection, "SELECT pg_sleep(0.12)::text")
        }
        await connection.close()
    }

    /// A batch by either route. The customer's own route freezes, and puts the batch into the queue once more.
    private func batch(
        _ customer: String, _ source: String, _ connection: Connection, _ random: inout SeededRandom
    ) async throws {
        let (cost, model) = [(10, "sora-2"), (10, nil), (50, "veo-flash")].randomElement(using: &random) ?? (10, nil)
        let count = Int.random(in: 0..<6, using: &random) == 0 ? 12 : Int.random(in: 1...4, using: &random)
        let batchID = UUID().uuidString.lowercased()
        let scope: [Value] = [.uuid(batchID), .uuid(customer)]
        try await call(
            connection,
            """
            INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, source)
            VALUES ($1, $2, 'queued', \(count), \(cost), '\(source)')
            """, scope)
        log.note { $0.batches += 1 }
        if source == "consumer" {
            try await call(
                connection, "SELECT public.freeze_credits_for_batch($1, $2, \(count * cost))::text", scope)
        }
        try mayBeKilled(&random, 40)
        try await call(
            connection,
            """
            INSERT INTO public.video_tasks (user_id, batch_job_id, batch_index, model, prompt, aspect_ratio, duration)
            SELECT $2, $1, n, $3, 'a paper boat', NULL, NULL FROM generate_series(0, \(count - 1)) AS n
            """, scope + [Value(model)])
        if source == "consumer" {
            try await call(
                connection, "UPDATE public.batch_jobs SET status = 'queued' WHERE id = $1 AND user_id = $2", scope)
        }
    }

    private func single(_ customer: String, _ connection: Connection, _ random: inout SeededRandom) async throws {
        let taskID = UUID().uuidString.lowercased()
        try await call(
            connection,
            "INSERT INTO public.video_tasks (id, user_id, model, prompt) VALUES ($1, $2, 'sora-2', 'a paper boat')",
            [.uuid(taskID), .uuid(customer)])
        let answer = try await call(
            connection, "SELECT public.deduct_credits_from_wallet($1, 10, 'sora-2') ->> 'success' AS paid",
            [.uuid(customer)])
        guard try answer[0].text("paid") == "true", let id = try await submit(taskID, "sora-2") else { return }
        try await call(
            connection, "UPDATE public.video_tasks SET grsai_task_id = $2, status = 'processing' WHERE id = $1",
            [.uuid(taskID), .text(id)])
    }

    // MARK: - Its worker

    private func work(until deadline: ContinuousClock.Instant) async throws {
        var random = SeededRandom(seed: seed &+ 1)
        let connection = try await open()
        while ContinuousClock.now < deadline {
            do {
                try await dispatch(connection, &random)
                try await poll(connection, &random)
                try await settle(connection, &random)
            } catch is Killed {
            } catch is PostgresError {
                // Each phase has its errors caught: they were noted.
            }
            try await call(connection, "SELECT pg_sleep(0.05)::text")
        }
        await connection.close()
    }

    private func dispatch(_ connection: Connection, _ random: inout SeededRandom) async throws {
        let queued = try await call(
            connection,
            """
            SELECT id, user_id, (total_count * cost_per_video)::bigint AS amount FROM public.batch_jobs
            WHERE status = 'queued' ORDER BY created_at LIMIT 5
            """)
        for row in queued {
            let batchID = Value.uuid(try row.uuid("id"))
            let claimed = try await call(
                connection,
                """
                UPDATE public.batch_jobs SET status = 'processing', updated_at = now()
                WHERE id = $1 AND status = 'queued' RETURNING id
                """, [batchID])
            guard !claimed.isEmpty else { continue }
            try mayBeKilled(&random, 25)
            // What it answers is not looked at.
            try await call(
                connection, "SELECT public.freeze_credits_for_batch($1, $2, \(try row.int("amount")))::text",
                [batchID, .uuid(try row.uuid("user_id"))])
            try mayBeKilled(&random, 25)
            let listed = ContinuousClock.now
            let tasks = try await call(
                connection,
                """
                SELECT id, coalesce(model, '') AS model FROM public.video_tasks
                WHERE batch_job_id = $1 AND status = 'pending' ORDER BY batch_index LIMIT 10
                """, [batchID])
            var written = listed
            for task in tasks {
                try await hand(try task.uuid("id"), try task.text("model"), connection, &random, &written)
            }
        }
    }

    /// - Parameter written: Before the latest write to the batch.
    private func hand(
        _ taskID: String, _ model: String, _ connection: Connection, _ random: inout SeededRandom,
        _ written: inout ContinuousClock.Instant
    ) async throws {
        let before = written
        written = .now
        try await call(
            connection, "UPDATE public.video_tasks SET status = 'processing' WHERE id = $1", [.uuid(taskID)])
        try mayBeKilled(&random, 60)
        guard ContinuousClock.now - before < .seconds(quietSeconds / 2) else {
            log.note { $0.stalls += 1 }
            throw Killed()
        }
        let id = try await submit(taskID, model)
        try mayBeKilled(&random, 60)
        written = .now
        try await call(
            connection, "UPDATE public.video_tasks SET grsai_task_id = $2 WHERE id = $1", [.uuid(taskID), Value(id)])
    }

    private func poll(_ connection: Connection, _ random: inout SeededRandom) async throws {
        let tasks = try await call(
            connection,
            """
            SELECT id, grsai_task_id, poll_count::bigint AS polls FROM public.video_tasks
            WHERE status = 'processing' AND grsai_task_id IS NOT NULL
                AND coalesce(last_poll_at < now() - interval '0.4 seconds', true)
            ORDER BY updated_at LIMIT 25
            """)
        for task in tasks {
            let taskID = Value.uuid(try task.uuid("id"))
            guard try task.int("polls") < 20 else {
                try await call(
                    connection,
                    """
                    UPDATE public.video_tasks SET status = 'failed', error_message = 'MAX_POLL_COUNT_REACHED:20',
                        failure_type = 'timeout' WHERE id = $1
                    """, [taskID])
                continue
            }
            let answer = try await post("/v1/draw/result", ["id": .string(try task.text("grsai_task_id"))])
            try await call(
                connection,
                "UPDATE public.video_tasks SET poll_count = poll_count + 1, last_poll_at = now() WHERE id = $1",
                [taskID])
            try mayBeKilled(&random, 100)
            let data = answer["data"]
            switch Self.text(data?["status"]) {
            case "succeeded":
                try await call(
                    connection,
                    """
                    UPDATE public.video_tasks SET status = 'succeeded', video_url = 'https://example.com/v',
                        error_message = NULL, failure_type = NULL WHERE id = $1
                    """, [taskID])
            case "failed":
                try await call(
                    connection,
                    """
                    UPDATE public.video_tasks SET status = 'failed', error_message = 'error', failure_type = 'unknown'
                    WHERE id = $1
                    """, [taskID])
            default: break
            }
        }
    }

    private func settle(_ connection: Connection, _ random: inout SeededRandom) async throws {
        let batches = try await call(
            connection,
            """
            SELECT id, user_id, cost_per_video::bigint AS cost FROM public.batch_jobs
            WHERE status = 'processing' ORDER BY created_at LIMIT 10
            """)
        for batch in batches {
            let batchID = Value.uuid(try batch.uuid("id"))
            let counts = try await call(
                connection,
                """
                SELECT count(*) AS tasks, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
                    count(*) FILTER (WHERE status = 'failed') AS failed
                FROM public.video_tasks WHERE batch_job_id = $1
                """, [batchID])[0]
            let (tasks, succeeded, failed) = (
                try counts.int("tasks"), try counts.int("succeeded"), try counts.int("failed")
            )
            guard tasks > 0, succeeded + failed == tasks else { continue }
            let spent = succeeded * (try batch.int("cost"))
            try await call(
                connection, "SELECT public.finalize_batch_credits($1, $2, \(spent))::text",
                [batchID, .uuid(try batch.uuid("user_id"))])
            try mayBeKilled(&random, 30)
            let status = failed == 0 ? "completed" : succeeded == 0 ? "failed" : "partial"
            try await call(
                connection,
                """
                UPDATE public.batch_jobs SET success_count = \(succeeded), failed_count = \(failed),
                    credits_spent = \(spent), status = '\(status)', updated_at = now() WHERE id = $1
                """, [batchID])
            log.note { $0.settled += 1 }
        }
    }
}
