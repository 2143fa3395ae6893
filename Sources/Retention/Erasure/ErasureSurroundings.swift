internal import Domain
internal import Postgres
internal import Schema

/// What else there is of what an erasure is about: the holds that keep rows of it, and the copies that earlier purges
/// made.
struct ErasureSurroundings: Sendable {
    let holds: [HoldInForce]
    /// Sentences, one a copy.
    let copies: [String]

    init(_ erasure: Erasure, _ shape: DeploymentShape, _ session: Session) throws {
        let owners = try Self.owners(erasure, shape, session)
        holds = try Self.holds(erasure, owners, session)
        copies = try Self.archives(erasure, owners, session) + Self.looks(owners, erasure, session)
    }

    private static func owners(_ erasure: Erasure, _ shape: DeploymentShape, _ session: Session) throws -> [String] {
        if let owner = erasure.owner { return [owner] }
        return try session.query(
            "SELECT DISTINCT t.user_id FROM public.video_tasks AS t WHERE t.id = $1",
            [.uuid(erasure.video ?? RetentionSession.nobody)]
        ).map { try $0.uuid("user_id") }
    }

    /// The holds that can cover a row of it.
    private static func holds(_ erasure: Erasure, _ owners: [String], _ session: Session) throws -> [HoldInForce] {
        let all = try HoldInForce.all(session)
        guard let video = erasure.video else { return all.filter { owners.contains($0.owner ?? "") } }
        let batches = try session.query(
            "SELECT DISTINCT t.batch_job_id FROM public.video_tasks AS t WHERE t.id = $1", [.uuid(video)]
        ).compactMap { try $0.optionalUuid("batch_job_id") }
        return all.filter { hold in
            switch hold.scope {
            case "account": owners.contains(hold.owner ?? "")
            case "batch": batches.contains(hold.coveredID ?? "")
            default: hold.coveredID == video
            }
        }
    }

    /// Archives of other runs with rows of its owners, and of nobody where a video is looked for.
    private static func archives(_ erasure: Erasure, _ owners: [String], _ session: Session) throws -> [String] {
        let may = erasure.video == nil ? "holds" : "may hold"
        return try session.query(
            """
            SELECT r.run_id, r.archive_folder, r.archive_expires_at, sum(t.row_count)::bigint AS rows
            FROM daybook.purge_run AS r
            JOIN daybook.purge_total AS t ON t.run_id = r.run_id AND t.user_id = ANY ($1)
            WHERE r.archive_state IN ('kept', 'expiring') AND r.run_id <> $2 AND r.state = 'finished'
                AND t.data_class IN ('access_log', 'api_usage', 'task_content')
            GROUP BY r.run_id, r.archive_folder, r.archive_expires_at ORDER BY r.run_id
            """,
            [.uuids(owners + (erasure.video == nil ? [] : [RetentionSession.nobody])), .int(erasure.run)]
        ).map { row in
            let run = try row.int("run_id")
            let end = try row.optionalInstant("archive_expires_at").map { ", until \($0)" } ?? ""
            return "the archive of purge \(run), \(ArchiveFolder.path(in: try row.text("archive_folder"), run: run)), "
                + "\(may) rows of \(erasure.name)\(end)"
        }
    }

    /// Looks into archives of runs that took rows of its owners.
    private static func looks(_ owners: [String], _ erasure: Erasure, _ session: Session) throws -> [String] {
        let may = erasure.video == nil ? "holds" : "may hold"
        return try session.query(
            """
            SELECT l.look_id, array_to_string(l.relations, ', ') AS relations, l.until_at
            FROM daybook.retention_look AS l
            WHERE l.dropped_at IS NULL AND EXISTS (
                SELECT FROM daybook.purge_total AS t WHERE t.run_id = l.run_id AND t.user_id = ANY ($1)
            ) ORDER BY l.look_id
            """, [.uuids(owners + (erasure.video == nil ? [] : [RetentionSession.nobody]))]
        ).map { row in
            "look \(try row.int("look_id")), \(try row.text("relations")), \(may) rows of \(erasure.name), until "
                + "\(try row.instant("until_at"))"
        }
    }
}
