import BatchEngine
import Domain
import Postgres
import TestSupport

/// Requests and calls that several suites make.
enum Sample {
    static let origin = RequestOrigin(endpoint: "/v1/batches", address: "192.0.2.1", userAgent: "tests")

    static func request(
        _ requestID: String? = nil, items: Int = 3, model: VideoModel = .sora2, prompt: String = "a paper boat"
    ) -> BatchRequest {
        BatchRequest(
            requestID: requestID, items: (0..<items).map { BatchItem(model: model, prompt: "\(prompt), take \($0)") })
    }

    /// Whatever a statement counts.
    static func count(_ sql: String, _ parameters: [Value] = [], in pool: ConnectionPool) async throws -> Int64 {
        try await pool.run { try $0.query(sql, parameters)[0].int(0) }
    }

    /// Every sentence that a broken invariant of the money would make.
    static func brokenInvariants(in pool: ConnectionPool) async throws -> [String] {
        try await pool.run { session in
            try session.query(
                """
                SELECT 'wallet differs from lots' FROM public.credit_wallet AS w
                WHERE w.permanent_credits + w.bonus_credits <> (
                    SELECT coalesce(sum(remaining), 0) FROM daybook.lot AS l WHERE l.user_id = w.user_id)
                UNION ALL
                SELECT 'ledger differs from lots' FROM public.credit_wallet AS w
                WHERE (SELECT coalesce(sum(credits_delta), 0) FROM public.credit_ledger AS c WHERE c.user_id = w.user_id)
                    <> (SELECT coalesce(sum(remaining), 0) FROM daybook.lot AS l WHERE l.user_id = w.user_id)
                UNION ALL
                SELECT 'batch is frozen otherwise than its tasks cost' FROM daybook.batch AS b
                WHERE b.frozen <> (
                    SELECT sum(cost) FROM daybook.task AS t WHERE t.user_id = b.user_id AND t.batch_id = b.batch_id)
                UNION ALL
                SELECT 'task without its public row' FROM daybook.task AS t
                LEFT JOIN public.video_tasks AS v ON v.user_id = t.user_id AND v.id = t.task_id
                LEFT JOIN daybook.task_fact AS f ON f.user_id = t.user_id AND f.task_id = t.task_id
                WHERE v.id IS NULL OR f.cost_credits IS DISTINCT FROM t.cost
                """
            ).map { try $0.text(0) }
        }
    }
}

/// Runs the body with a pool on a database of the whole system, which is dropped afterwards.
nonisolated(nonsending) func withPool<Result>(
    _ connections: Int = 8, _ body: (ConnectionPool, ConnectionSettings) async throws -> Result
) async throws -> Result {
    try await withEngine { settings in
        let pool = ConnectionPool(settings, limits: .init(maxConnections: connections, waitSeconds: 120))
        do {
            let result = try await body(pool, settings)
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }
}
