import BatchEngine
import Domain
import Foundation
import Postgres
import TestSupport

/// A deployment with its own tables, triggers, policies and functions, to which the engine has come, and the statements
/// of its application.
struct DeployedService {
    static let user = "11111111-0000-0000-0000-000000000001"
    private static let template = TemplateDatabase {
        try await Deployment.load(file: Deployment.root + "/Tests/Oracle/deployed/deployment.sql", into: $0)
        try await ProgramRun.expectingSuccess([
            "database", "migrate", "--engine", "--database", Deployment.conninfo($0),
        ])
    }

    let session: Session

    /// Runs the body with a customer who has 1,000 credits and 40 of bonus, in a transaction-less session.
    static func run(_ body: @Sendable (DeployedService) throws -> Void) async throws {
        try await withConnections(1) { connections in
            try await connections[0].run { try body(DeployedService(session: $0)) }
        }
    }

    /// The same with several connections, of which the first has made the customer.
    static func withConnections(_ count: Int, _ body: ([Connection]) async throws -> Void) async throws {
        try await template.with { settings in
            var connections: [Connection] = []
            for _ in 0..<count { connections.append(try await Connection.open(settings)) }
            do {
                try await connections[0].run { session in
                    try session.executeScript(
                        """
                        INSERT INTO public.users (id, google_id, email) VALUES ('\(user)', 'g', 'a@example.com');
                        SELECT public.add_credits_to_wallet('\(user)', 1000, 40, now() + interval '90 days')
                        """)
                }
                try await body(connections)
            } catch {
                for connection in connections { await connection.close() }
                throw error
            }
            for connection in connections { await connection.close() }
        }
    }

    /// Returns once so many sessions wait for a lock in this database.
    static func waitUntilWaiting(_ count: Int64, _ connection: Connection) async throws {
        func waiting() async throws -> Int64 {
            try await connection.run { session in
                try session.query(
                    """
                    SELECT count(*), pg_sleep(0.02)::text FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock'
                    """)[0].int(0)
            }
        }
        let deadline = ContinuousClock.now + .seconds(60)
        while try await waiting() < count {
            guard ContinuousClock.now < deadline else {
                throw TestSupportError("\(try await waiting()) sessions wait, not \(count)")
            }
        }
    }

    /// A batch of the application, an hour old and quiet since, with tasks in the states named: `processing:ID` has an
    /// id of the provider's. Gives its id.
    func batch(
        _ status: String, _ tasks: [String], cost: Int = 10, models: [String] = [], total: Int? = nil,
        frozen: Bool = false, quiet: Bool = true
    ) throws -> String {
        let batchID = UUID().uuidString.lowercased()
        let before = quiet ? "now() - interval '1 hour'" : "now()"
        try session.executeScript(
            """
            INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, created_at, updated_at)
            VALUES ('\(batchID)', '\(Self.user)', '\(status)', \(total ?? tasks.count), \(cost), \(before), \(before))
            """)
        for (index, task) in tasks.enumerated() {
            let parts = task.split(separator: ":").map(String.init)
            let model = index < models.count ? "'\(models[index])'" : "NULL"
            let id = parts.count > 1 ? "'\(parts[1])'" : "NULL"
            try session.executeScript(
                """
                INSERT INTO public.video_tasks (
                    user_id, batch_job_id, batch_index, prompt, model, status, grsai_task_id, aspect_ratio, created_at,
                    updated_at)
                VALUES ('\(Self.user)', '\(batchID)', \(index), 'a paper boat', \(model), '\(parts[0])', \(id), NULL,
                    \(before), \(before))
                """)
        }
        if frozen { _ = try freeze(batchID, Int64(tasks.count * cost)) }
        return batchID
    }

    func freeze(_ batchID: String, _ amount: Int64) throws -> String {
        try session.query(
            "SELECT public.freeze_credits_for_batch($1, $2, $3::integer)::text AS answer",
            [.uuid(batchID), .uuid(Self.user), .int(amount)])[0].text("answer")
    }

    func finalize(_ batchID: String, _ spent: Int64) throws -> String {
        try session.query(
            "SELECT public.finalize_batch_credits($1, $2, $3::integer)::text AS answer",
            [.uuid(batchID), .uuid(Self.user), .int(spent)])[0].text("answer")
    }

    /// A batch that came over the API. Gives its id.
    func create(_ items: Int, model: VideoModel = .sora2) throws -> String {
        let outcome = try Batches(session, of: Self.user).create(
            Sample.request(UUID().uuidString, items: items, model: model), by: nil, from: Sample.origin)
        guard case .created(let summary, _) = outcome else { throw TestSupportError("\(outcome)") }
        return summary.batchID
    }

    /// Takes a batch over: the outcome, and the reason where it was left.
    func takeOver(_ batchID: String, quietSeconds: Int64 = 0) throws -> (outcome: String, reason: String?) {
        // Whoever takes over announces what is ready, behind all that he takes.
        let row = try session.query(
            """
            SELECT t.outcome, t.reason, CASE WHEN t.ready_models <> '{}' THEN
                daybook.announce_ready($1, t.ready_models)::text END AS announced
            FROM daybook.take_over($1, $2, $3) AS t
            """, [.uuid(Self.user), .uuid(batchID), .int(quietSeconds)])[0]
        return (try row.text("outcome"), try row.optionalText("reason"))
    }

    /// What a row of the application says of state and settlement.
    func state(_ batchID: String) throws -> String {
        try session.query(
            """
            SELECT concat_ws(' ', status, success_count, failed_count, frozen_credits, credits_spent, settlement_status)
            FROM public.batch_jobs WHERE id = $1
            """, [.uuid(batchID)])[0].text(0)
    }

    /// The engine's states of a batch's tasks, in their order.
    func engineStates(_ batchID: String) throws -> [String] {
        try session.query(
            "SELECT state FROM daybook.task WHERE batch_id = $1 ORDER BY batch_index", [.uuid(batchID)]
        ).map { try $0.text(0) }
    }

    func taskIDs(_ batchID: String) throws -> [String] {
        try session.query(
            "SELECT id FROM public.video_tasks WHERE batch_job_id = $1 ORDER BY batch_index", [.uuid(batchID)]
        ).map { try $0.uuid(0) }
    }

    /// Every row of every table, as text, to be compared.
    func everything() throws -> [String: String] {
        let tables = try session.query(
            """
            SELECT c.oid::regclass::text AS name FROM pg_class AS c
            WHERE c.relkind = 'r' AND c.relnamespace IN ('public'::regnamespace, 'daybook'::regnamespace)
            """
        ).map { try $0.text("name") }
        var rows: [String: String] = [:]
        for table in tables {
            let sql = "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM \(table) AS t"
            rows[table] = try session.query(sql)[0].text(0)
        }
        return rows
    }

    /// Purchased and bonus credits in the wallet, what lots hold and what the ledger adds up to.
    func money() throws -> [Int64] {
        let row = try session.query(
            """
            SELECT permanent_credits::bigint AS purchased, bonus_credits::bigint AS bonus,
                (SELECT sum(remaining) FROM daybook.lot)::bigint AS lots,
                (SELECT sum(credits_delta) FROM public.credit_ledger)::bigint AS ledger
            FROM public.credit_wallet
            """)[0]
        return [try row.int("purchased"), try row.int("bonus"), try row.int("lots"), try row.int("ledger")]
    }

    /// Works everything off that is the engine's: the even tasks of each batch succeed, the odd ones fail.
    func work() throws {
        let queue = WorkQueue(session)
        let worker = try queue.register(host: "test", processID: 1)
        for model in VideoModel.allCases {
            let taken = try session.transaction { try queue.claim(worker, model: model, limit: 100, chunk: 100) }
            _ = try session.transaction {
                try queue.record(taken.map { ($0, .accepted(providerTaskID: "new \($0.taskID)")) }, by: worker)
            }
        }
        _ = try session.transaction { try queue.adopt(worker, limit: 100) }
        let open = try session.query(
            "SELECT batch_id, task_id, batch_index::bigint AS place FROM daybook.task WHERE state = 'accepted'")
        for row in open {
            let taskID = try row.uuid("task_id")
            let batchID = try row.uuid("batch_id")
            let ending =
                try row.int("place").isMultiple(of: 2)
                ? TaskEnding.succeeded(taskID, videoURL: "https://example.com/v")
                : TaskEnding.failed(taskID, .init(reason: .error, message: "no"))
            _ = try session.transaction {
                try queue.end(
                    [ending], of: batchID, customer: Self.user, from: [.accepted], behind: try queue.fence(worker))
            }
        }
        while try session.transaction(TransactionOptions(), { try queue.endOverdue(limit: 100) > 0 }) {}
        // One that runs on can be looked at again at once.
        let running = try session.query("SELECT count(*) FROM daybook.batch WHERE settled_at IS NULL")[0].int(0)
        for _ in 0..<running { _ = try session.transaction { try queue.flush(ageSeconds: 0) } }
        try session.transaction { try queue.leave(worker) }
    }
}
