import BatchEngine
import Domain
import Postgres
import TestSupport

/// Many customers with one sora-2 task each, all of which wait, and what a statement reads of it.
struct Waiting {
    private let session: Session
    private let worker: Int64

    /// Makes the customers, their batches and tasks, and lists them as the engine does.
    init(_ customers: Int64, _ session: Session) throws {
        self.session = session
        try session.execute(
            """
            CREATE TEMPORARY TABLE waiting AS
            SELECT number, md5('user ' || number)::uuid AS user_id, md5('batch ' || number)::uuid AS batch_id,
                md5('task ' || number)::uuid AS task_id
            FROM generate_series(1, $1) AS number
            """, [.int(customers)])
        try session.executeScript(
            """
            INSERT INTO public.users (id) SELECT user_id FROM waiting;
            INSERT INTO daybook.batch (user_id, batch_id, owner, created_at, frozen, frozen_at, flushed_at)
            SELECT user_id, batch_id, 'engine', now(), 10, now(), now() FROM waiting;
            INSERT INTO daybook.lot (
                user_id, kind, credits, remaining, cost_usd, remaining_cost_usd, opened_at, source)
            SELECT user_id, 'purchased', 10, 0, 0, 0, now(), 'purchase' FROM waiting;
            INSERT INTO daybook.draw (user_id, batch_id, draw_no, lot_id, model, credits, cost_usd)
            SELECT w.user_id, w.batch_id, 1, l.lot_id, 'sora-2', 10, 0
            FROM waiting AS w JOIN daybook.lot AS l ON l.user_id = w.user_id;
            INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, created_at)
            SELECT batch_id, user_id, 'queued', 1, 10, now() FROM waiting;
            INSERT INTO public.video_tasks (id, user_id, model, prompt, status, batch_job_id, batch_index)
            SELECT task_id, user_id, 'sora-2', 'a paper boat', 'pending', batch_id, 0 FROM waiting;
            INSERT INTO daybook.task_fact (user_id, task_id, cost_credits) SELECT user_id, task_id, 10 FROM waiting;
            INSERT INTO daybook.task (
                user_id, task_id, batch_id, batch_index, model, cost, created_at, ready_at, expires_at)
            SELECT user_id, task_id, batch_id, 0, 'sora-2', 10, now(), now() + interval '1 hour',
                now() + interval '1 day'
            FROM waiting;
            SELECT count(daybook.announce_ready(user_id, ARRAY['sora-2'])::text) FROM waiting;
            """)
        worker = try WorkQueue(session).register(host: "test", processID: 1)
    }

    /// Lets the tasks of the first so many customers be ready now, and those of all others wait.
    func makeReady(_ customers: Int64) throws {
        try session.execute(
            """
            UPDATE daybook.task AS t
            SET ready_at = CASE WHEN w.number <= $1 THEN now() - interval '1 second' ELSE now() + interval '1 hour' END
            FROM waiting AS w WHERE t.user_id = w.user_id AND t.task_id = w.task_id
            """, [.int(customers)])
        try session.execute("SELECT count(daybook.announce_ready(user_id, ARRAY['sora-2'])::text) FROM waiting")
        try forgetTheDead(session)
    }

    /// One claim, which is undone: how many tasks it gave, and what it read.
    func claim(limit: Int = 32) throws -> (claimed: Int, read: Int64) {
        let worker = worker
        return try undone(in: session) {
            try WorkQueue(session).claim(worker, model: .sora2, limit: limit, chunk: 8).count
        }
    }
}

/// Takes out what many changes at once left behind, which the next reader would clear away. It makes no statistics.
///
/// What somebody else still sees stays, the server's own ANALYZE for instance, also one that has begun meanwhile: that is
/// waited for, and taken out then.
func forgetTheDead(_ session: Session) throws {
    func others() throws -> Int64 {
        try session.query(
            """
            SELECT count(*) AS others, pg_sleep(CASE count(*) WHEN 0 THEN 0 ELSE 0.05 END)::text
            FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL
            """)[0].int("others")
    }
    func left() throws -> Int64 {
        try session.query(
            """
            SELECT pg_stat_get_dead_tuples('daybook.task'::regclass)
                + pg_stat_get_dead_tuples('daybook.ready_customer'::regclass) AS dead
            """)[0].int("dead")
    }
    repeat {
        while try others() > 0 {}
        try session.executeAlone("VACUUM daybook.task, daybook.ready_customer")
    } while try left() > 0
}

/// Rows and entries of indexes that a body reads of all tables. What it did is undone.
///
/// It counts what the server counts, so that neither the machine nor what else it does plays a part.
func undone<Result>(in session: Session, _ body: () throws -> Result) throws -> (Result, read: Int64) {
    func total() throws -> Int64 {
        try session.query(
            """
            SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid)), 0)::bigint
            FROM pg_class WHERE relnamespace IN ('daybook'::regnamespace, 'public'::regnamespace)
                AND relkind IN ('r', 'i', 'p')
            """)[0].int(0)
    }
    return try session.transaction(TransactionOptions(isUndone: true)) {
        let before = try total()
        let result = try body()
        return (result, try total() - before)
    }
}

/// What the list of turns says otherwise than the tasks, in words.
func wrongTurns(_ session: Session) throws -> [String] {
    try session.query(
        """
        SELECT concat_ws(' ', coalesce(r.user_id, t.user_id), coalesce(r.model, t.model), 'is listed at',
            r.next_ready_at, 'and ready at', t.next_ready_at)
        FROM daybook.ready_customer AS r
        FULL JOIN (
            SELECT user_id, model, min(ready_at) AS next_ready_at FROM daybook.task WHERE state = 'ready'
            GROUP BY user_id, model
        ) AS t ON t.user_id = r.user_id AND t.model = r.model
        WHERE r.next_ready_at IS DISTINCT FROM t.next_ready_at
        """
    ).map { try $0.text(0) }.sorted()
}
