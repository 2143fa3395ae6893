import Domain
import Postgres

/// Windows of maintenance that were imported and then shortened, moved or cancelled: the window as it was imported
/// stays, with who corrected it, when and why, and counts no longer; the window as it became stands beside it.
enum MaintenanceCorrections {
    /// What a row says beside its window: which one it takes the place of, or that its own was cancelled.
    static let columns = [
        (name: "corrects_starts_at", type: "timestamptz"), (name: "corrects_ends_at", type: "timestamptz"),
        (name: "cancelled", type: "boolean"),
    ]

    /// The values of ``columns`` of one row.
    static func values(_ row: inout ImportedRow) -> [String?] {
        let start = row.text("corrects_starts_at") == nil ? nil : row.instant("corrects_starts_at").description
        let end = row.text("corrects_ends_at") == nil ? nil : row.instant("corrects_ends_at").description
        if (start == nil) != (end == nil) {
            row.refuse(
                start == nil ? "corrects_starts_at" : "corrects_ends_at",
                "is empty; name the whole window that is corrected")
        }
        let isCancelled =
            row.text("cancelled") == nil
            ? false
            : row.value("cancelled", "true or false", default: false) { text in
                ["true": true, "false": false, "t": true, "f": false][text.lowercased()]
            }
        if isCancelled, start != nil {
            row.refuse("cancelled", "stands beside a correction; a window is cancelled or changed")
        }
        return [start, end, isCancelled ? "true" : "false"]
    }

    /// The windows that incoming rows correct, by what names them: when they were, for what and of which target.
    private static let corrected = """
        SELECT i.cancelled, coalesce(i.corrects_starts_at, i.starts_at) AS starts_at,
            coalesce(i.corrects_ends_at, i.ends_at) AS ends_at, i.reason, i.target
        FROM pg_temp.incoming AS i
        WHERE i.cancelled OR i.corrects_starts_at IS NOT NULL
        """

    /// Writes down which windows the incoming rows correct, before they are added.
    ///
    /// Throws `usage` where rows correct something and no reason is given, and `badData` for one that corrects a window
    /// that is not there, or goes back to one that was corrected itself.
    static func record(because reason: String?, _ session: Session) throws {
        let count = Int(try session.query("SELECT count(*) AS count FROM (\(corrected)) AS c")[0].int("count"))
        guard count > 0 else { return }
        guard let reason, !reason.isEmpty, reason.count <= Limits.remarkLength else {
            throw DaybookError.usage(
                "The file corrects \(count) window(s) of maintenance, and nothing says why", .sayWhyCorrected)
        }
        let missing = try session.query(
            """
            SELECT c.starts_at, c.ends_at, c.reason FROM (\(corrected)) AS c
            WHERE NOT EXISTS (
                SELECT 1 FROM daybook.maintenance_window AS w
                WHERE (w.starts_at, w.ends_at, w.reason, w.target) = (c.starts_at, c.ends_at, c.reason, c.target))
            ORDER BY c.starts_at, c.ends_at, c.reason COLLATE "C" LIMIT 1
            """)
        if let row = missing.first {
            throw DaybookError.badData(
                "There is no window from \(try row.instant("starts_at")) to \(try row.instant("ends_at")) for "
                    + "\"\(try row.text("reason"))\" that could be corrected", .listWindows)
        }
        try session.execute(
            """
            INSERT INTO daybook.maintenance_correction (starts_at, ends_at, announced_at, reason, target, because)
            SELECT DISTINCT w.starts_at, w.ends_at, w.announced_at, w.reason, w.target, $1
            FROM (\(corrected)) AS c
            JOIN daybook.maintenance_window AS w
                ON (w.starts_at, w.ends_at, w.reason, w.target) = (c.starts_at, c.ends_at, c.reason, c.target)
            ON CONFLICT DO NOTHING
            """, [.text(reason)])
        let dead = try session.query(
            """
            SELECT i.starts_at, i.ends_at, i.reason FROM pg_temp.incoming AS i
            JOIN daybook.maintenance_correction AS c
                ON (c.starts_at, c.ends_at, c.announced_at, c.reason, c.target)
                    = (i.starts_at, i.ends_at, i.announced_at, i.reason, i.target)
            WHERE i.corrects_starts_at IS NOT NULL
            ORDER BY i.starts_at, i.ends_at, i.reason COLLATE "C" LIMIT 1
            """)
        if let row = dead.first {
            throw DaybookError.badData(
                "The window from \(try row.instant("starts_at")) to \(try row.instant("ends_at")) for "
                    + "\"\(try row.text("reason"))\" was corrected itself and cannot come back; give it another reason."
            )
        }
    }
}
