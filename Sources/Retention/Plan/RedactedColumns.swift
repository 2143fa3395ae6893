internal import Domain
internal import Postgres

/// What becomes of each column of `public.video_tasks` in a redaction, from an allow-list: what is not on it is
/// cleared.
struct RedactedColumns: Sendable {
    /// Columns that stay: ids, model, state, failure class, instants, cost.
    private static let kept: Set<String> = [
        "id", "user_id", "grsai_task_id", "batch_job_id", "batch_index", "model", "aspect_ratio", "duration", "size",
        "status", "progress", "remove_watermark", "failure_reason", "failure_type", "attempts", "poll_count",
        "created_at", "updated_at", "completed_at", "last_poll_at", "next_retry_at",
    ]
    /// Columns that are known to hold content.
    private static let content: Set<String> = [
        "prompt", "reference_url", "video_url", "webhook_url", "error_message", "last_error", "pid", "metadata",
        "item_metadata",
        "external_access_policy",
    ]

    /// One column that is cleared, and with what.
    struct Assignment: Sendable {
        let column: String
        let expression: String
        /// The name as SQL writes it.
        let quoted: String

        /// True for a row of `alias` in which nothing stands there any more.
        func isCleared(_ alias: String) -> String {
            expression == "NULL"
                ? "\(alias).\(quoted) IS NULL"
                : "coalesce(\(alias).\(quoted)::text IN ('', '{}', '\\x'), false)"
        }
    }

    /// Every column that does not stay, cleared or not.
    let names: [String]
    let assignments: [Assignment]
    /// What the operator should know.
    let advice: [String]
    private let refusal: DaybookError?

    /// Throws `badData` naming a column that can be neither kept nor cleared.
    func requireClearable() throws {
        if let refusal { throw refusal }
    }

    /// True for a task of `alias` in which nothing stands that a redaction clears: an application may write to a task
    /// that was redacted, and then its content is due again.
    func isCleared(_ alias: String) -> String {
        assignments.isEmpty ? "true" : assignments.map { $0.isCleared(alias) }.joined(separator: " AND ")
    }

    /// Reads the table's columns.
    init(_ session: Session) throws {
        let rows = try session.query(
            """
            SELECT a.attname::text AS name, quote_ident(a.attname) AS quoted,
                a.attnotnull OR t.typnotnull AS is_required,
                t.typcategory::text AS category,
                t.typtype = 'd' AS is_domain, b.oid::regtype::text AS type, a.attgenerated <> '' AS is_generated,
                EXISTS (
                    SELECT FROM pg_index AS i
                    WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey::smallint[])
                ) AS is_unique
            FROM pg_attribute AS a
            JOIN pg_type AS t ON t.oid = a.atttypid
            JOIN pg_type AS b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
            WHERE a.attrelid = to_regclass('public.video_tasks') AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attnum
            """)
        var (names, assignments): ([String], [Assignment]) = ([], [])
        var refusal: DaybookError?
        var unknown: [String] = []
        for row in rows {
            let name = try row.text("name")
            // A generated column follows from the others.
            if try Self.kept.contains(name) || row.bool("is_generated") { continue }
            names.append(name)
            if let expression = try Self.empty(row) {
                assignments.append(Assignment(column: name, expression: expression, quoted: try row.text("quoted")))
            } else {
                refusal = refusal ?? Self.refusal(name)
            }
            if !Self.content.contains(name) { unknown.append(name) }
        }
        (self.names, self.assignments, self.refusal) = (names, assignments, refusal)
        advice =
            unknown.isEmpty
            ? []
            : [
                "The tasks have columns that nobody here knows; a redaction clears them too: "
                    + unknown.joined(separator: ", ")
            ]
    }

    /// What stands in a column that was cleared; nil where that is impossible.
    private static func empty(_ row: Row) throws -> String? {
        guard try row.bool("is_required") else { return "NULL" }
        let type = try row.text("type")
        let (category, isUnique) = (try row.text("category"), try row.bool("is_unique"))
        if try !row.bool("is_domain"), !isUnique {
            if category == "S" || type == "bytea" { return "''" }
            if type == "json" || type == "jsonb" || category == "A" { return "'{}'" }
        }
        return nil
    }

    private static func refusal(_ name: String) -> DaybookError {
        DaybookError.badData(
            "The column public.video_tasks.\(name) is not known, so a redaction must clear it, but it may not be null "
                + "and cannot be emptied; nothing can be redacted. Allow null there: "
                + "ALTER TABLE public.video_tasks ALTER COLUMN \(name) DROP NOT NULL")
    }
}
