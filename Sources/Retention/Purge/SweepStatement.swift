// Over 300 lines: the statement, what it counts and what it writes down are one text of SQL.
internal import Domain
internal import Postgres
internal import Schema

/// The one statement that takes the due rows of a stretch of a table: finds them, takes them, counts them, marks
/// them, and gives them back as they were.
///
/// Due rule, owner and hold are part of the statement. `xmin` says that a row is still the one that was judged: a row
/// that somebody changed meanwhile is left for the next pass.
struct SweepStatement: Sendable {
    /// The columns that an archived row has.
    let columns: [String]
    private let query: ClassQuery
    private let redaction: [RedactedColumns.Assignment]
    private let fallback: Term?
    /// What is due to earlier erasures.
    private let owed: [Erasure]
    /// No row from then on is due by a policy, whoever owns it: most rows need no look at their owner.
    private let latest: Instant
    /// What else has to be known of a row.
    private let extras: String
    /// The foreign keys as they were when they were walked.
    private let foreignKeys: String

    /// Throws `configuration` where a foreign key would carry it into another table.
    init(_ dataClass: DataClass, _ shape: DeploymentShape, _ terms: Terms, _ session: Session) throws {
        query = ClassQuery(dataClass, shape).limited(to: terms.erasure)
        owed = terms.owed
        fallback = terms.fallback(dataClass)
        latest = terms.of(dataClass).map(\.cutoff).max() ?? .distantPast
        extras = Self.extras(dataClass, shape)
        switch dataClass {
        case .accessLog, .probes, .webhookPayload:
            redaction = []
            columns = try Self.columns(of: DeploymentShape.table(dataClass).fullName, session)
        case .videoFiles:
            (redaction, columns) = ([], [])
        case .apiUsage:
            redaction = shape.usage.assignments
            columns = ["id"] + redaction.map(\.column)
        case .taskContent:
            redaction = shape.redaction.assignments
            columns = ["user_id", "id"] + redaction.map(\.column)
        }
        foreignKeys = try PurgeReach.foreignKeys(session)
        try PurgeReach.refuseCascades(dataClass, redacted: redaction.map(\.column), session)
    }

    /// The rows, for `COPY (…) TO STDOUT`: values cannot be bound in a COPY, so all of them are numbers of ours, or
    /// come from tables of ours. With `counts`, their number alone.
    func sql(
        run: Int64, relation: String, pages: Range<Int64>, counts: Bool = false, rests: Rests, _ session: Session
    ) -> String {
        let table = TableName.quoted(relation, session)
        // Rows that are only counted need not be carried through the statement.
        let kept = counts ? [] : columns.enumerated().map { (number: $0, name: session.quoteIdentifier($1)) }
        let own = whole
        let old = kept.map { ", \(own[columns[$0.number]] ?? "r.\($0.name)") AS c\($0.number)" }.joined()
        let given = kept.map { "gone.c\($0.number) AS \($0.name)" }.joined(separator: ", ")
        let stretch = "r.ctid >= '(\(pages.lowerBound),0)'::tid AND r.ctid < '(\(pages.upperBound),0)'::tid"
        let counted = SweepTotals.adding(query.dataClass, run, rests)
        return """
            WITH due AS (
                SELECT r.ctid AS place, r.xmin AS version, \(query.owner) AS owner, \(query.instant) AS instant,
                    \(extras)\(old)
                FROM ONLY \(table) AS r
                \(query.probes)
                \(cutoffs(run))
                WHERE \(stretch) AND \(isDue) AND \(rests.after("r.ctid"))
            ), gone AS (
                \(taking(table, run))
                WHERE \(stretch) AND r.ctid = due.place AND r.xmin = due.version
                    AND \(rests.after("least(r.ctid, due.place)"))
                RETURNING due.*\(redaction.isEmpty ? "" : ", " + cleared)
            ), \(counted)
            SELECT \(counts ? "coalesce(sum(row_count), 0)::bigint AS taken FROM share" : "\(given) FROM gone")
            """
    }

    /// Columns in which an archived row has more than its table: a message goes with its deliveries and attempts, which
    /// a trigger takes out with it, and puts back with it.
    private var whole: [String: String] {
        guard query.dataClass == .webhookPayload else { return [:] }
        func rows(_ table: String, _ order: String) -> String {
            """
            (SELECT jsonb_agg(to_jsonb(l) ORDER BY \(order)) FROM daybook.\(table) AS l
                    WHERE l.user_id = r.user_id AND l.event_id = r.event_id)
            """
        }
        return [
            "deliveries": rows("webhook_delivery", "l.endpoint_id"),
            "attempts": rows("webhook_attempt", "l.attempt_id"),
        ]
    }

    private static func extras(_ dataClass: DataClass, _ shape: DeploymentShape) -> String {
        switch dataClass {
        case .accessLog: "coalesce(\(shape.column("action", of: .accessLog, alias: "r")), '') AS action"
        case .probes: "r.target AS target, r.ok AS ok"
        case .apiUsage, .videoFiles, .webhookPayload: "NULL AS nothing"
        case .taskContent:
            """
            r.user_id AS task_owner, r.id AS task_id,
                    (\(SharedSource.datedTask.expression("is_estimated", shape.taskColumn))) AS is_estimated
            """
        }
    }

    private func taking(_ table: String, _ run: Int64) -> String {
        if query.dataClass == .videoFiles { return VideoFiles.marking(table, run) }
        guard !redaction.isEmpty else { return "DELETE FROM ONLY \(table) AS r USING due" }
        let assignments = redaction.map { "\($0.quoted) = \($0.expression)" }
        return "UPDATE ONLY \(table) AS r SET \(assignments.joined(separator: ", ")) FROM due"
    }

    /// What the server's error says where content came back; the column follows.
    static let cameBack = "content came back in "

    /// True for a row whose content is gone, an error for any other: a trigger of the application may have put it back,
    /// and then the statement is undone as a whole.
    private var cleared: String {
        let isCleared = redaction.map { $0.isCleared("r") }.joined(separator: " AND ")
        let named = redaction.map { "WHEN NOT \($0.isCleared("r")) THEN \(literal($0.column))" }
        return """
            CASE WHEN \(isCleared) THEN true
                ELSE ('\(Self.cameBack)' || CASE \(named.joined(separator: " ")) END)::boolean END AS is_cleared
            """
    }

    /// The columns that a redaction changes; none in a deletion.
    var redacted: [String] { redaction.map(\.column) }

    /// Throws `configuration` where a foreign key came that would carry the statement further.
    func refuseCascades(_ session: Session) throws {
        guard try PurgeReach.foreignKeys(session) != foreignKeys else { return }
        try PurgeReach.refuseCascades(query.dataClass, redacted: redacted, session)
    }

    /// True if a table still has the columns that this statement archives and clears.
    func fits(_ relation: String, _ session: Session) throws -> Bool {
        switch query.dataClass {
        case .accessLog, .probes, .webhookPayload: return try Set(Self.columns(of: relation, session)) == Set(columns)
        case .videoFiles: return true
        case .apiUsage: return try RedactedColumns(.apiUsage, session).names == redacted
        case .taskContent: return try RedactedColumns(.videoTasks, session).names == redacted
        }
    }

    private func literal(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }

    /// A query over the rows `r` of a table that are due.
    func due(run: Int64, relation: String, _ list: String, where more: String = "true", _ session: Session) -> String {
        """
        SELECT \(list)
        FROM ONLY \(TableName.quoted(relation, session)) AS r
        \(query.probes)
        \(cutoffs(run))
        WHERE \(isDue) AND \(more)
        """
    }

    /// What stands in a column after the statement; nil where it is left alone.
    func cleared(_ column: String) -> String? { redaction.first { $0.column == column }?.expression }

    /// The cutoff of a row's owner, as the run has it.
    private func cutoffs(_ run: Int64) -> String {
        """
        LEFT JOIN daybook.purge_cutoff AS c
            ON c.run_id = \(run) AND c.data_class = '\(query.dataClass.rawValue)' AND c.user_id = \(query.owner)
        """
    }

    /// True for a row that is due and not held.
    private var isDue: String {
        let cutoff = fallback.map { "'\($0.cutoff)'::timestamptz" } ?? "'-infinity'::timestamptz"
        let byPolicy = """
            \(query.instant) < '\(latest)'::timestamptz AND \(query.instant) < coalesce(c.cutoff, \(cutoff))
            """
        let asked = query.isAsked(by: owed)
        // A purge of one account alone pays its debts alone.
        let isOurs = fallback == nil ? "c.user_id IS NOT NULL" : "true"
        let isDue = asked == "false" ? byPolicy : "(\(byPolicy) OR (\(asked) AND \(isOurs)))"
        return "\(isDue) AND \(query.belongs) AND NOT (\(query.isDone)) AND NOT (\(query.isHeld))"
    }

    /// The columns of a table that can be written back: all but generated ones.
    static func columns(of table: String, _ session: Session) throws -> [String] {
        let rows = try session.query(
            """
            SELECT attname::text AS name FROM pg_attribute
            WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
            ORDER BY attnum
            """, [.text(table)])
        return try rows.map { try $0.text("name") }
    }
}

/// What is written down of rows in the very statement that takes them: how many of whom, and what has to be known of
/// them later.
enum SweepTotals {
    /// The parts of the statement `gone` that count: first what the rows come to in shares, of which there are few, and
    /// from those the totals.
    static func adding(_ dataClass: DataClass, _ run: Int64, _ rests: Rests) -> String {
        // What is only marked is not gone: it is counted where it is.
        if dataClass == .videoFiles { return "share AS MATERIALIZED (SELECT count(*) AS row_count FROM gone)" }
        let isAccess = dataClass == .accessLog
        let total = """
            share AS MATERIALIZED (
                SELECT coalesce(owner, '\(RetentionSession.nobody)'::uuid) AS owner,
                    \(isAccess ? "\(AccessTotals.beginning(of: "instant")) AS begins_at, action, " : "")
                    count(*) AS row_count, min(instant) AS oldest, max(instant) AS newest
                FROM gone WHERE \(rests.after("instant", rows: Limits.countRestRows))
                GROUP BY \(isAccess ? "1, 2, 3" : "1")
            ), run_total AS (
                INSERT INTO daybook.purge_total (user_id, run_id, data_class, row_count, oldest, newest)
                SELECT owner, \(run), '\(dataClass.rawValue)', sum(row_count), min(oldest), max(newest)
                FROM share GROUP BY owner
                ON CONFLICT ON CONSTRAINT purge_total_pkey DO UPDATE SET
                    row_count = purge_total.row_count + excluded.row_count,
                    oldest = least(purge_total.oldest, excluded.oldest),
                    newest = greatest(purge_total.newest, excluded.newest)
            )
            """
        switch dataClass {
        case .accessLog:
            return total + ", access_count AS (\n"
                + AccessTotals.adding(run, from: "share", where: rests.after("row_count")) + "\n)"
        case .probes: return total + ", " + probeDays
        case .apiUsage, .videoFiles, .webhookPayload: return total
        case .taskContent: return total + ", " + taskRecords(run)
        }
    }

    /// A minute is up if any probe in it succeeded: a bit set stays set, and up wins when the two are read.
    private static let probeDays = """
        minute AS (
            SELECT target, (instant AT TIME ZONE 'UTC')::date AS day,
                (extract(epoch FROM (instant AT TIME ZONE 'UTC')::time) / 60::numeric) AS place, ok, instant
            FROM gone
        ), folded AS (
            INSERT INTO daybook.probe_day (target, day, up_minutes, down_minutes, first_probe_at)
            SELECT target, day,
                bit_or(CASE WHEN ok THEN set_bit(repeat('0', 1440)::bit(1440), floor(place)::int, 1)
                    ELSE repeat('0', 1440)::bit(1440) END),
                bit_or(CASE WHEN ok THEN repeat('0', 1440)::bit(1440)
                    ELSE set_bit(repeat('0', 1440)::bit(1440), floor(place)::int, 1) END),
                min(instant)
            FROM minute GROUP BY target, day
            ON CONFLICT ON CONSTRAINT probe_day_pkey DO UPDATE SET
                up_minutes = probe_day.up_minutes | excluded.up_minutes,
                down_minutes = probe_day.down_minutes | excluded.down_minutes,
                first_probe_at = least(probe_day.first_probe_at, excluded.first_probe_at)
        )
        """

    private static func taskRecords(_ run: Int64) -> String {
        """
        fact AS (
            INSERT INTO daybook.task_fact AS known (user_id, task_id, terminal_at, terminal_estimated)
            SELECT task_owner, task_id, instant, is_estimated FROM gone
            ON CONFLICT ON CONSTRAINT task_fact_pkey DO UPDATE SET
                terminal_at = coalesce(known.terminal_at, excluded.terminal_at),
                terminal_estimated = CASE WHEN known.terminal_at IS NULL THEN excluded.terminal_estimated
                    ELSE known.terminal_estimated END
        ), mark AS (
            INSERT INTO daybook.task_redaction (user_id, task_id, run_id)
            SELECT task_owner, task_id, \(run) FROM gone
            ON CONFLICT ON CONSTRAINT task_redaction_pkey DO UPDATE SET
                run_id = excluded.run_id, redacted_at = excluded.redacted_at
        )
        """
    }
}

/// What is left of purged accesses: how many there were, by owner, run, stretch of time and action.
///
/// Every stretch lies in one month, whatever the zone: on the first and the last UTC day of a month, where it begins
/// somewhere, it is a quarter of an hour, by which zones differ; between them it is a UTC day, so that the totals stay
/// few.
enum AccessTotals {
    static let table = "daybook.access_total"

    /// The beginning of the stretch that an instant is in.
    ///
    /// Each value has the very type that its function takes: the deleting statement is looked up by the login's own
    /// search path too.
    static func beginning(of instant: String) -> String {
        let day = "date_part('day'::text, \(instant) AT TIME ZONE interval '0')"
        let next = "date_part('day'::text, (\(instant) + interval '24 hours') AT TIME ZONE interval '0')"
        return """
            date_bin(CASE WHEN \(day) = 1::double precision OR \(next) = 1::double precision
                THEN interval '15 minutes' ELSE interval '24 hours' END,
                \(instant), timestamptz '0001-01-01 00:00:00+00')
            """
    }

    /// Adds what a relation has counted for a run: `owner`, `begins_at`, `action` and `row_count`.
    static func adding(_ run: Int64, from shares: String, where condition: String = "true") -> String {
        """
        INSERT INTO \(table) (user_id, run_id, begins_at, action, accesses)
        SELECT owner, \(run), begins_at, action, row_count FROM \(shares) WHERE \(condition)
        ON CONFLICT ON CONSTRAINT access_total_pkey DO UPDATE SET accesses = access_total.accesses + excluded.accesses
        """
    }

    /// The accesses that a run has counted here. What it took before that, under an earlier version of the program, is
    /// counted by days in `daybook.access_day`.
    static func counted(by run: Int64, _ session: Session) throws -> Int64 {
        try session.query(
            "SELECT coalesce(sum(accesses), 0)::bigint AS accesses FROM \(table) WHERE run_id = $1", [.int(run)]
        )[0].int("accesses")
    }

    /// Takes back what a run has counted: its rows are in their table again.
    static func forget(_ run: Int64, _ session: Session) throws {
        _ = try session.execute("DELETE FROM \(table) WHERE run_id = $1", [.int(run)])
    }
}
