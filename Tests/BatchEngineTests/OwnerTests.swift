import BatchEngine
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// Each batch has one owner: the engine leaves the application's alone, and the application's writes to the engine's
/// change nothing.
@Suite struct OwnerTests {
    private func state(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return (error as? PostgresError)?.sqlState?.rawValue ?? "\(error)"
        }
    }

    @Test func `the owner of a batch is fixed, and only an adoption changes it`() async throws {
        try await DeployedService.run { service in
            let theirs = try service.batch("queued", ["pending"], frozen: true)
            let ours = try service.create(1)
            func owner(_ batchID: String) throws -> String {
                try service.session.query(
                    "SELECT owner FROM daybook.batch WHERE batch_id = $1", [.uuid(batchID)])[0].text(0)
            }
            #expect(try owner(theirs) == "app" && owner(ours) == "engine")
            for sql in [
                "UPDATE daybook.batch SET owner = 'app' WHERE batch_id = '\(ours)'",
                "UPDATE daybook.batch SET owner = 'engine' WHERE batch_id = '\(theirs)'",
            ] {
                #expect(state { try service.session.execute(sql) } == "DB001")
            }
            #expect(try service.takeOver(theirs).outcome == "adopted")
            #expect(try owner(theirs) == "engine")
            let back = "UPDATE daybook.batch SET owner = 'app', adopted_at = NULL WHERE batch_id = '\(theirs)'"
            #expect(state { try service.session.execute(back) } == "DB001")
        }
    }

    @Test func `a worker and its sweeps leave every row of the application's batches as it is`() async throws {
        try await DeployedService.run { service in
            _ = try service.batch("queued", ["pending", "pending"])
            _ = try service.batch("queued", ["pending"], frozen: true)
            _ = try service.batch("processing", ["processing:g1", "processing", "pending"], frozen: true)
            _ = try service.batch("processing", ["succeeded:g2", "failed:g3"], frozen: true)
            _ = try service.batch("completed", ["succeeded:g4"])
            func theirs() throws -> [String: String] {
                try service.everything().filter { !["daybook.worker", "daybook.model_gate"].contains($0.key) }
            }
            let before = try theirs()
            try service.work()
            #expect(try theirs() == before)
        }
    }

    /// What the application's own code writes to rows that it believes to be its own.
    private static let writes = [
        "UPDATE batch_jobs SET status = 'processing', updated_at = now() WHERE id = BATCH AND status = 'queued'",
        "UPDATE batch_jobs SET status = 'queued' WHERE id = BATCH",
        "UPDATE batch_jobs SET status = 'failed', failed_count = total_count, completed_at = now() WHERE id = BATCH",
        """
        UPDATE batch_jobs SET success_count = 1, failed_count = 0, credits_spent = 10, updated_at = now(),
            status = 'completed' WHERE id = BATCH
        """,
        "UPDATE batch_jobs SET credits_spent = 20, settlement_status = 'finalized' WHERE id = BATCH",
        "UPDATE batch_jobs SET settlement_status = 'refunded' WHERE id = BATCH",
        "UPDATE batch_jobs SET frozen_credits = 0 WHERE id = BATCH",
        "UPDATE video_tasks SET status = 'processing' WHERE batch_job_id = BATCH",
        "UPDATE video_tasks SET grsai_task_id = 'another' WHERE batch_job_id = BATCH",
        """
        UPDATE video_tasks SET status = 'failed', error_message = 'no', failure_type = 'unknown'
        WHERE batch_job_id = BATCH
        """,
        """
        UPDATE video_tasks SET status = 'succeeded', video_url = 'https://example.com/other', error_message = NULL,
            failure_type = NULL WHERE batch_job_id = BATCH
        """,
        """
        UPDATE video_tasks SET status = 'failed', progress = 100, completed_at = now(), pid = 'p',
            failure_reason = 'output_moderation' WHERE batch_job_id = BATCH
        """,
        "UPDATE video_tasks SET status = 'pending', attempts = 9, completed_at = NULL WHERE batch_job_id = BATCH",
    ]

    /// What a caller may have set in his session.
    private static let settings = [
        "SELECT 1", "SET session_replication_role = replica", "SET daybook.wallet_writer = 'engine'",
        "SET search_path = public", "SET row_security = off", "SET plpgsql.variable_conflict = 'use_column'",
    ]

    /// The columns of state, provider and settlement.
    private static let fenced = """
        SELECT concat_ws('|', j.status, j.success_count, j.failed_count, j.frozen_credits, j.credits_spent,
            j.settlement_status, j.completed_at, (
                SELECT string_agg(concat_ws('|', v.status, v.progress, v.grsai_task_id, v.video_url, v.pid,
                    v.failure_reason, v.failure_type, v.error_message, v.attempts, v.completed_at), ';'
                    ORDER BY v.batch_index)
                FROM public.video_tasks AS v WHERE v.batch_job_id = j.id))
        FROM public.batch_jobs AS j WHERE j.id = $1
        """

    @Test(arguments: settings)
    func `the application's writes to a batch of the engine change nothing, and do not fail`(
        setting: String
    ) async throws {
        try await DeployedService.run { service in
            let created = try service.create(2)
            let adopted = try service.batch("processing", ["processing:g1", "pending"], frozen: true)
            let settled = try service.batch("processing", ["succeeded:g2", "failed:g3"], frozen: true)
            let done = try service.create(2)
            for batchID in [adopted, settled] { _ = try service.takeOver(batchID) }
            // Of what came over the API one batch is worked off, and one is not begun.
            try service.session.execute(
                "UPDATE daybook.task SET ready_at = now() + interval '1 hour' WHERE batch_id = $1 OR batch_id = $2",
                [.uuid(created), .uuid(adopted)])
            try service.work()
            #expect(try service.state(done).hasPrefix("partial 1 1 20 10"))
            for batchID in [created, adopted, settled, done] {
                let before = try service.session.query(Self.fenced, [.uuid(batchID)])[0].text(0)
                try service.session.executeAlone(setting)
                for sql in Self.writes {
                    let text = sql.replacing("BATCH", with: "'\(batchID)'").replacing("UPDATE ", with: "UPDATE public.")
                    try service.session.executeScript(text)
                }
                try service.session.executeAlone("RESET ALL")
                #expect(try service.session.query(Self.fenced, [.uuid(batchID)])[0].text(0) == before, "\(setting)")
            }
        }
    }

    @Test func `a dispatcher that claims a batch of the engine takes no row`() async throws {
        try await DeployedService.run { service in
            for batchID in [try service.create(2), try service.batch("queued", ["pending"])] {
                _ = try service.takeOver(batchID)
                let taken = try service.session.query(
                    """
                    UPDATE public.batch_jobs SET status = 'processing', updated_at = now()
                    WHERE id = $1 AND status = 'queued' RETURNING id
                    """, [.uuid(batchID)])
                #expect(taken.isEmpty)
            }
        }
    }

    @Test func `what concerns neither state nor result goes through`() async throws {
        try await DeployedService.run { service in
            let batchID = try service.batch("queued", ["processing:g1"], frozen: true)
            _ = try service.takeOver(batchID)
            try service.session.executeScript(
                """
                UPDATE public.batch_jobs SET webhook_status = 'sent', status = 'failed' WHERE id = '\(batchID)';
                UPDATE public.video_tasks SET poll_count = 7, last_poll_at = now(), status = 'failed'
                WHERE batch_job_id = '\(batchID)'
                """)
            let row = try service.session.query(
                """
                SELECT concat_ws(' ', j.status, j.webhook_status, v.status, v.poll_count)
                FROM public.batch_jobs AS j JOIN public.video_tasks AS v ON v.batch_job_id = j.id WHERE j.id = $1
                """, [.uuid(batchID)])[0]
            #expect(try row.text(0) == "processing sent processing 7")
        }
    }

    @Test func `a redaction clears the result of a task that has ended, and what it took can be put back`() async throws
    {
        try await DeployedService.run { service in
            let batchID = try service.create(2)
            let clear = "UPDATE public.video_tasks SET video_url = NULL, error_message = NULL WHERE batch_job_id = $1"
            func kept() throws -> Int64 {
                try service.session.query(
                    "SELECT count(*) FROM public.video_tasks WHERE video_url <> '' OR error_message <> ''")[0].int(0)
            }
            try service.work()
            #expect(try kept() == 2)
            try service.session.execute(clear, [.uuid(batchID)])
            #expect(try kept() == 0)
            // Put back it is while its redaction is on record, and by nobody otherwise.
            let fill = "UPDATE public.video_tasks SET video_url = 'https://v.example/1' WHERE batch_job_id = $1"
            try service.session.execute(fill, [.uuid(batchID)])
            #expect(try kept() == 0)
            try service.session.executeScript(
                """
                SET session_replication_role = replica;
                INSERT INTO daybook.task_redaction (user_id, task_id, run_id)
                SELECT user_id, id, 1 FROM public.video_tasks WHERE batch_job_id = '\(batchID)';
                RESET session_replication_role
                """)
            try service.session.execute(fill, [.uuid(batchID)])
            #expect(try kept() == 2)
            let change = "UPDATE public.video_tasks SET video_url = 'https://v.example/2' WHERE batch_job_id = $1"
            try service.session.execute(change, [.uuid(batchID)])
            let changed = "SELECT count(*) FROM public.video_tasks WHERE video_url = 'https://v.example/2'"
            #expect(try service.session.query(changed)[0].int(0) == 0)
        }
    }

    @Test func `the application's calls for a batch of the engine are answered, and book nothing`() async throws {
        try await DeployedService.run { service in
            let open = try service.batch("processing", ["pending", "pending"], frozen: true)
            let settled = try service.batch("processing", ["succeeded:g1", "failed:g2"], frozen: true)
            for batchID in [open, settled] { _ = try service.takeOver(batchID) }
            let before = try service.everything()
            for batchID in [open, settled] {
                #expect(try service.freeze(batchID, 20) == #"{"ok": true, "frozen": 20, "already": true}"#)
            }
            #expect(
                try service.finalize(settled, 0)
                    == #"{"ok": true, "spent": 10, "frozen": 20, "refund": 10, "already": true}"#)
            // A batch with open tasks is finalized by nobody, whatever was spent.
            #expect(state { _ = try service.finalize(open, 0) } == "DB409")
            #expect(try service.everything() == before)
        }
    }
}
