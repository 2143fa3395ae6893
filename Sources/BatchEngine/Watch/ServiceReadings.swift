public import Domain
public import Postgres

/// How the service stands at an instant, read from its database: what waits, what is under way, and what happened last.
public struct ServiceReadings: Sendable, Hashable {
    /// Seconds up to which something has waited, in the classes by which it is counted; the last has no end.
    public static let ages: [Int64] = [60, 600, 3_600]

    /// The work of one model.
    public struct Model: Sendable, Hashable {
        public let model: String
        /// Items that wait to be handed over, by ``ages``.
        public var ready: [Int64]
        /// For how long the oldest of them has.
        public var oldestReadySeconds: Int64
        /// Items that are being handed over.
        public var submitting: Int64
        /// Items that the provider has.
        public var accepted: Int64
        /// Items of which nobody knows whether it has them.
        public var unknown: Int64
        /// Of those, the ones that should have ended by now.
        public var overdue: Int64
        /// The longest that one of them waited before it was handed over.
        public var longestWaitSeconds: Int64
        /// Seconds for which the provider is not asked for this model; nil where it is.
        public var closedSeconds: Int64?

        public var readyCount: Int64 { ready.reduce(0, +) }
        public var handedOver: Int64 { submitting + accepted + unknown }
    }

    public let takenAt: Instant
    /// Nil where the database has no engine.
    public var engine: Engine?
    /// When the newest purge ended.
    public var purgedAt: Instant?
    /// When a month was closed last.
    public var closedAt: Instant?
    /// The newest probe of each target, by its name.
    public var probes: [Probe]

    public struct Engine: Sendable, Hashable {
        public var models: [Model]
        /// Workers whose sign of life is fresh.
        public var liveWorkers: Int64
        /// Credits frozen for batches that have not ended, by the batch's ``ServiceReadings/ages``.
        public var frozen: [Int64]
        /// Batches whose refund should have been booked by now.
        public var refundsOverdue: Int64
        /// Messages to customers' addresses that wait for their turn, or for being late.
        public var deliveriesDue: Int64
        public var deliveriesLate: Int64
        /// Of the last day's messages, what arrived and what was given up.
        public var delivered: Int64
        public var givenUp: Int64
        /// What workers have counted since ever.
        var counts = WorkCounts()
    }

    public struct Probe: Sendable, Hashable {
        public let target: String
        public let probedAt: Instant
    }

    /// Reads only. Run it in a transaction with one snapshot.
    public init(_ session: Session) throws {
        let row = try session.query(
            """
            SELECT clock_timestamp() AS now, to_regclass('daybook.webhook_delivery') IS NOT NULL AS has_engine,
                (SELECT max(finished_at) FROM daybook.purge_run) AS purged_at,
                (SELECT max(closed_at) FROM daybook.month_close) AS closed_at
            """)[0]
        takenAt = try row.instant("now")
        purgedAt = try row.optionalInstant("purged_at")
        closedAt = try row.optionalInstant("closed_at")
        // From target to target by the key, past the probes between them.
        probes = try session.query(
            """
            WITH RECURSIVE known AS (
                (SELECT target FROM daybook.probe ORDER BY target LIMIT 1)
                UNION ALL
                SELECT (SELECT p.target FROM daybook.probe AS p WHERE p.target > k.target ORDER BY p.target LIMIT 1)
                FROM known AS k WHERE k.target IS NOT NULL
            )
            SELECT k.target, (SELECT max(p.probed_at) FROM daybook.probe AS p WHERE p.target = k.target) AS probed_at
            FROM known AS k WHERE k.target IS NOT NULL ORDER BY k.target COLLATE "C"
            """
        ).map { Probe(target: try $0.text("target"), probedAt: try $0.instant("probed_at")) }
        engine = try row.bool("has_engine") ? try Engine(session) : nil
    }
}

extension ServiceReadings.Engine {
    fileprivate init(_ session: Session) throws {
        models = try session.query(
            """
            WITH work AS (
                SELECT t.model, t.state, extract(epoch FROM clock_timestamp() - t.ready_at) AS age,
                    extract(epoch FROM t.dispatched_at - t.ready_at) AS waited,
                    t.deadline_at < clock_timestamp() - make_interval(secs => $4::bigint) AS is_overdue
                FROM daybook.task AS t WHERE t.state IN ('ready', 'intent', 'unknown', 'accepted')
            )
            SELECT g.model, count(*) FILTER (WHERE w.state = 'ready' AND w.age < $1::bigint) AS ready_1,
                count(*) FILTER (WHERE w.state = 'ready' AND w.age >= $1::bigint AND w.age < $2::bigint) AS ready_2,
                count(*) FILTER (WHERE w.state = 'ready' AND w.age >= $2::bigint AND w.age < $3::bigint) AS ready_3,
                count(*) FILTER (WHERE w.state = 'ready' AND w.age >= $3::bigint) AS ready_4,
                coalesce(max(w.age) FILTER (WHERE w.state = 'ready'), 0)::bigint AS oldest,
                count(*) FILTER (WHERE w.state = 'intent') AS submitting,
                count(*) FILTER (WHERE w.state = 'accepted') AS accepted,
                count(*) FILTER (WHERE w.state = 'unknown') AS unknown,
                count(*) FILTER (WHERE w.is_overdue) AS overdue,
                greatest(max(w.waited), 0)::bigint AS waited,
                CASE WHEN g.blocked_until = 'infinity' THEN 9223372036854775807
                    WHEN g.blocked_until > clock_timestamp()
                    THEN extract(epoch FROM g.blocked_until - clock_timestamp())::bigint END AS closed
            FROM daybook.model_gate AS g LEFT JOIN work AS w ON w.model = g.model
            GROUP BY g.model, g.blocked_until ORDER BY g.model COLLATE "C"
            """, ServiceReadings.ages.map(Value.int) + [.int(Limits.exposureGraceSeconds)]
        ).map { row in
            ServiceReadings.Model(
                model: try row.text("model"), ready: try (1...4).map { try row.int("ready_\($0)") },
                oldestReadySeconds: try row.int("oldest"), submitting: try row.int("submitting"),
                accepted: try row.int("accepted"), unknown: try row.int("unknown"), overdue: try row.int("overdue"),
                longestWaitSeconds: try row.optionalInt("waited") ?? 0, closedSeconds: try row.optionalInt("closed"))
        }
        let row = try session.query(
            """
            WITH frozen AS (
                SELECT (b.frozen - b.refunded)::bigint AS credits,
                    extract(epoch FROM clock_timestamp() - b.created_at) AS age
                FROM daybook.batch AS b WHERE b.owner = 'engine' AND b.settled_at IS NULL
            ), told AS (
                SELECT d.state, count(*) AS messages FROM daybook.webhook_event AS v
                JOIN daybook.webhook_delivery AS d ON d.user_id = v.user_id AND d.event_id = v.event_id
                WHERE v.told_at > clock_timestamp() - interval '1 day' GROUP BY d.state
            )
            SELECT (SELECT count(*) FROM daybook.worker WHERE state = 'live'
                    AND heartbeat_at > clock_timestamp() - make_interval(secs => $4::bigint)) AS live,
                (SELECT coalesce(sum(credits), 0)::bigint FROM frozen WHERE age < $1::bigint) AS frozen_1,
                (SELECT coalesce(sum(credits), 0)::bigint FROM frozen WHERE age >= $1::bigint AND age < $2::bigint)
                    AS frozen_2,
                (SELECT coalesce(sum(credits), 0)::bigint FROM frozen WHERE age >= $2::bigint AND age < $3::bigint)
                    AS frozen_3,
                (SELECT coalesce(sum(credits), 0)::bigint FROM frozen WHERE age >= $3::bigint) AS frozen_4,
                (SELECT count(*) FROM daybook.batch
                    WHERE refund_due_at < clock_timestamp() - make_interval(secs => $5::bigint)) AS refunds,
                (SELECT count(*) FROM daybook.webhook_delivery WHERE next_attempt_at IS NOT NULL) AS due,
                (SELECT count(*) FROM daybook.webhook_delivery
                    WHERE next_attempt_at < clock_timestamp() - make_interval(secs => $5::bigint)) AS late,
                (SELECT coalesce(sum(messages), 0)::bigint FROM told WHERE state = 'delivered') AS delivered,
                (SELECT coalesce(sum(messages), 0)::bigint FROM told WHERE state = 'failed') AS given_up
            """,
            ServiceReadings.ages.map(Value.int) + [
                .int(Limits.workerSilenceSeconds), .int(Limits.exposureGraceSeconds),
            ])[0]
        liveWorkers = try row.int("live")
        frozen = try (1...4).map { try row.int("frozen_\($0)") }
        refundsOverdue = try row.int("refunds")
        deliveriesDue = try row.int("due")
        deliveriesLate = try row.int("late")
        delivered = try row.int("delivered")
        givenUp = try row.int("given_up")
        counts = try WorkCounts(session)
    }
}
