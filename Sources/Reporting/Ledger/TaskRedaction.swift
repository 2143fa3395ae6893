import Domain
import Postgres

/// What became of the content of a task that a purge redacted.
enum TaskRedaction {
    private static let tables = ["task_redaction", "purge_run", "retention_certificate"]

    /// A table with the purge, its certificate and its archive; empty for a task that was not redacted.
    static func table(_ task: String, of userID: String, _ session: Session) throws -> Table {
        let columns = [
            Column("content", .text), Column("purge", .integer), Column("redacted at", .instant),
            Column("certificate", .integer), Column("archive", .text), Column("archive ends at", .instant),
        ]
        let table = Table(name: "redaction", title: "Its content", note: "", columns: columns)
        let known = try session.query(
            """
            SELECT count(to_regclass('daybook.' || t.name)) AS there,
                count(*) FILTER (WHERE has_table_privilege(to_regclass('daybook.' || t.name), 'SELECT')) AS readable
            FROM unnest($1::text[]) AS t (name)
            """, [.texts(tables)])[0]
        guard try known.int("there") == tables.count else { return table }
        guard try known.int("readable") == tables.count else {
            let unknown = "not known: this login may not read daybook.task_redaction"
            return filled(table, [[.text(unknown), .empty, .empty, .empty, .empty, .empty]])
        }
        let rows = try session.query(
            """
            SELECT d.run_id, d.redacted_at, r.archive_state, r.archive_expires_at, (
                    SELECT min(c.sequence) FROM daybook.retention_certificate AS c
                    WHERE c.run_id = d.run_id AND c.kind <> 'index') AS certificate
            FROM daybook.task_redaction AS d JOIN daybook.purge_run AS r ON r.run_id = d.run_id
            WHERE d.user_id = $1 AND d.task_id = $2
            """, [.uuid(userID), .uuid(task)])
        return filled(
            table,
            try rows.map { row in
                [
                    .text("redacted"), .integer(try row.int("run_id")), .instant(try row.instant("redacted_at")),
                    .optional(try row.optionalInt("certificate")), .text(try row.text("archive_state")),
                    try row.optionalInstant("archive_expires_at").map(Cell.instant) ?? .empty,
                ]
            })
    }

    private static func filled(_ table: Table, _ rows: [[Cell]]) -> Table {
        var table = table
        table.rows = rows
        return table
    }
}
