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
        case .accessLog, .probes:
            redaction = []
            columns = try Self.columns(of: DeploymentShape.table(dataClass).fullName, session)
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

    /// The rows, for `COPY (…) TO STDOUT`: values cannot be bound in a COPY, so all of them are numbers of our own, or
    /// come from tables of ours. With `counts`, their number alone.
    func sql(
        run: Int64, relation: String, pages: Range<Int64>, counts: Bool = false, rests: Rests, _ session: Session
    ) -> String {
        let table = TableName.quoted(relation, session)
        // Rows that are only counted need not be carried through the statement.
        let kept = counts ? [] : columns.enumerated().map { (number: $0, name: session.quoteIdentifier($1)) }
        let old = kept.map { ", r.\($0.name) AS c\($0.number)" }.joined()
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
                \(taking(table))
                WHERE \(stretch) AND r.ctid = due.place AND r.xmin = due.version
                    AND \(rests.after("least(r.ctid, due.place)"))
                RETURNING due.*\(redaction.isEmpty ? "" : ", " + cleared)
            ), \(counted)
            SELECT \(counts ? "coalesce(sum(row_count), 0)::bigint AS taken FROM share" : "\(given) FROM gone")
            """
    }

    private static func extras(_ dataClass: DataClass, _ shape: DeploymentShape) -> String {
        switch dataClass {
        case .accessLog: "coalesce(\(shape.column("action", of: .accessLog, alias: "r")), '') AS action"
        case .probes: "r.target AS target, r.ok AS ok"
        case .apiUsage: "NULL AS nothing"
        case .taskContent:
            """
            r.user_id AS task_owner, r.id AS task_id,
                    (\(SharedSource.datedTask.expression("is_estimated", shape.taskColumn))) AS is_estimated
            """
        }
    }

    private func taking(_ table: String) -> String {
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
        case .accessLog, .probes: return try Set(Self.columns(of: relation, session)) == Set(columns)
        case .apiUsage: return try RedactedColumns(.apiUsage, session).names == redacted
        case .taskContent: return try RedactedColumns(.videoTasks, session).names == redacted
        }
    }

    private func literal(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }

    /// The first page of a table on which a row is due, nil where none is.
    func firstPage(run: Int64, relation: String, _ session: Session) throws -> Int64? {
        let due = due(run: run, relation: relation, "r.ctid AS place", session)
        return try session.query("SELECT \(Self.page) AS page FROM (\(due)) AS t LIMIT 1").first?.int("page")
    }

    /// The page of a row `t` that has its `place`.
    static let page = "((t.place::text)::point)[0]::bigint"

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
