internal import Domain
internal import Postgres
internal import Schema

/// What becomes of each column of a table in a redaction: of `public.video_tasks` from an allow-list, where what is not
/// on it is cleared; of the request log two columns are.
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
        "item_metadata", "item_custom_id", "external_access_policy",
    ]
    /// All that is cleared in the request log.
    private static let usage: Set<String> = ["ip", "user_agent"]

    /// One column that is cleared, and with what.
    struct Assignment: Sendable {
        let column: String
        let expression: String
        /// The name as SQL writes it.
        let quoted: String

        /// True for a row of `alias` in which nothing stands there any more.
        func isCleared(_ alias: String) -> String { RedactedColumns.isEmpty("\(alias).\(quoted)") }

        /// The same where nobody has written down whether the row was cleared: an empty text of the application's own
        /// counts as content.
        func isLeftCleared(_ alias: String) -> String {
            expression == "NULL" ? "\(alias).\(quoted) IS NULL" : isCleared(alias)
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
    ///
    /// - Parameter columns: Of these alone; nil for all.
    func isCleared(_ alias: String, of columns: Set<String>? = nil) -> String {
        let cleared = assignments.filter { columns?.contains($0.column) ?? true }.map { $0.isCleared(alias) }
        return cleared.isEmpty ? "true" : cleared.joined(separator: " AND ")
    }

    /// True where a column has nothing in it: null, or what stands for nothing in one that may not be null.
    static func isEmpty(_ column: String) -> String {
        "(\(column) IS NULL OR \(column)::text IN ('', '{}', '\\x'))"
    }

    /// Reads the columns of the tasks or of the request log; none where there is no such table.
    init(_ table: KnownTable, _ session: Session) throws {
        let isLog = table.name == KnownTable.apiUsage.name
        let rows = try session.query(
            """
            SELECT a.attname::text AS name, quote_ident(a.attname) AS quoted,
                a.attnotnull OR t.typnotnull AS is_required,
                t.typcategory::text AS category,
                t.typtype = 'd' AS is_domain, b.oid::bigint AS type, a.attgenerated <> '' AS is_generated,
                EXISTS (
                    SELECT FROM pg_index AS i
                    WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey::smallint[])
                ) AS is_unique
            FROM pg_attribute AS a
            JOIN pg_type AS t ON t.oid = a.atttypid
            JOIN pg_type AS b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
            WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attnum
            """, [.text(table.fullName)])
        var (names, assignments): ([String], [Assignment]) = ([], [])
        var refusal: DaybookError?
        var unknown: [String] = []
        for row in rows {
            let name = try row.text("name")
            // A generated column follows from the others.
            let stays = isLog ? !Self.usage.contains(name) : Self.kept.contains(name)
            if try stays || row.bool("is_generated") { continue }
            names.append(name)
            if let expression = try Self.empty(row) {
                assignments.append(Assignment(column: name, expression: expression, quoted: try row.text("quoted")))
            } else {
                refusal = refusal ?? Self.refusal(name, of: table)
            }
            if !isLog, !Self.content.contains(name) { unknown.append(name) }
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
        let type = TypeOID(rawValue: UInt32(truncatingIfNeeded: try row.int("type")))
        let (category, isUnique) = (try row.text("category"), try row.bool("is_unique"))
        if try !row.bool("is_domain"), !isUnique {
            if category == "S" || type == .bytea { return "''" }
            if type == .json || type == .jsonb || category == "A" { return "'{}'" }
        }
        return nil
    }

    private static func refusal(_ name: String, of table: KnownTable) -> DaybookError {
        DaybookError.badData(
            "The column \(table.fullName).\(name) has to be cleared by a redaction, as every column that is not known "
                + "to hold no content, but it may not be null and cannot be emptied; nothing can be redacted. Allow "
                + "null there: ALTER TABLE \(table.fullName) ALTER COLUMN \(name) DROP NOT NULL")
    }
}
