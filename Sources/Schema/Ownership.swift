import Domain
import Postgres

/// Whose the batches of a database are: the application's or the engine's, in what state, and what could be taken over.
struct Ownership {
    /// Empty where there is no engine, and all is the application's, or one of before batches could be taken over.
    let remarks: [Remark]

    /// How long nobody wrote to what counts as stuck.
    private static let stuckMinutes = 10

    init(_ session: Session) throws {
        let known = try session.query(
            """
            SELECT to_regclass('daybook.task') IS NOT NULL AND to_regclass('public.batch_jobs') IS NOT NULL
                AND to_regclass('public.video_tasks') IS NOT NULL AND EXISTS (
                    SELECT FROM pg_attribute
                    WHERE attrelid = to_regclass('daybook.batch') AND attname = 'adopted_at' AND NOT attisdropped
                ) AS exists
            """)
        guard try known[0].bool("exists") else {
            remarks = []
            return
        }
        let batches = try session.query(Self.batchSQL)
        let tasks = try session.query(Self.taskSQL)
        var remarks: [Remark] = []
        for (owner, name) in [("app", "the application"), ("engine", "the engine")] {
            let own = try batches.filter { try $0.text("owner") == owner }
            guard !own.isEmpty || owner == "engine" else { continue }
            let adopted = try own.reduce(0) { $0 + (try $1.int("adopted")) }
            remarks.append(
                Remark(
                    "\(name) has \(try Self.list(own, "batches")) and "
                        + (try Self.list(tasks.filter { try $0.text("owner") == owner }, "tasks of batches"))
                        + (adopted > 0 ? "; \(adopted) of the batches were taken over" : "")))
        }
        remarks += try Self.adoptable(session)
        self.remarks = remarks
    }

    /// `5 batches (2 queued, 3 ended)`
    private static func list(_ rows: [Row], _ what: String) throws -> String {
        let total = try rows.reduce(0) { $0 + (try $1.int("number")) }
        let parts = try rows.map { "\(try $0.int("number")) \(try $0.text("state"))" }
        return "\(total) \(what)" + (parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))")
    }

    private static func adoptable(_ session: Session) throws -> [Remark] {
        let row = try session.query(stuckSQL, [.int(Int64(stuckMinutes))])[0]
        let (queued, stuck) = (try row.int("queued"), try row.int("stuck"))
        guard queued + stuck > 0 else { return [] }
        return [
            Remark(
                "\(queued) batches of the application are queued, and \(stuck) are stuck: in processing, and nobody "
                    + "wrote to them for \(stuckMinutes) minutes; what would become of them says: ", .take(.tryAdoption)
            )
        ]
    }

    private static let batchSQL = """
        SELECT coalesce(b.owner, 'app') AS owner,
            CASE WHEN j.status IN ('queued', 'processing') THEN j.status ELSE 'ended' END AS state,
            count(*) AS number, count(*) FILTER (WHERE b.adopted_at IS NOT NULL) AS adopted
        FROM public.batch_jobs AS j
        LEFT JOIN daybook.batch AS b ON b.user_id = j.user_id AND b.batch_id = j.id
        GROUP BY 1, 2 ORDER BY 1, 2 DESC
        """

    /// The engine's in its own words, the application's in those of its table.
    private static let taskSQL = """
        SELECT CASE WHEN t.task_id IS NULL THEN 'app' ELSE 'engine' END AS owner,
            coalesce(t.state, v.status, 'pending') AS state, count(*) AS number
        FROM public.video_tasks AS v
        LEFT JOIN daybook.task AS t ON t.user_id = v.user_id AND t.task_id = v.id
        WHERE v.batch_job_id IS NOT NULL
        GROUP BY 1, 2 ORDER BY 1, 2
        """

    private static let stuckSQL = """
        WITH open AS (
            SELECT j.id, j.user_id, j.status, j.updated_at FROM public.batch_jobs AS j
            LEFT JOIN daybook.batch AS b ON b.user_id = j.user_id AND b.batch_id = j.id
            WHERE j.status IN ('queued', 'processing') AND b.owner IS DISTINCT FROM 'engine'
        ), written AS (
            SELECT o.id, o.status,
                greatest(o.updated_at, max(v.updated_at), max((to_jsonb(v) ->> 'last_poll_at')::timestamptz))
                    AS written_at
            FROM open AS o
            LEFT JOIN public.video_tasks AS v ON v.user_id = o.user_id AND v.batch_job_id = o.id
            GROUP BY o.id, o.status, o.updated_at
        )
        SELECT count(*) FILTER (WHERE status = 'queued') AS queued,
            count(*) FILTER (
                WHERE status = 'processing' AND written_at < now() - make_interval(mins => $1::integer)) AS stuck
        FROM written
        """
}
