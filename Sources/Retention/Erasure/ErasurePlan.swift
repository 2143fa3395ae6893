public import Domain
internal import Postgres
internal import Schema

/// What an erasure would leave, and what else there is of its customer or video.
public struct ErasurePlan: Sendable {
    /// Whose or which it is: `customer3`, `video 0e7b…`.
    public let name: String
    /// Rows that something keeps.
    public let owed: [OwedRows]
    /// The holds that keep them, as sentences.
    public let holds: [String]
    /// Copies that earlier purges made, as sentences.
    public let copies: [String]
    /// True if something would be owed that no earlier erasure of the same is owed.
    let isNewDebt: Bool

    init(_ erasure: Erasure, _ shape: DeploymentShape, _ session: Session) throws {
        name = erasure.name
        owed = try OwedRows.count([erasure], shape, session)[erasure.run, default: []].filter { $0.reason != .due }
        let surroundings = try ErasureSurroundings(erasure, shape, session)
        holds = surroundings.holds.map { "\($0.name), \($0.matter), asked for by \($0.requestedBy)" }
        copies = surroundings.copies
        let isOwed = try Erasure.inForce(isOwed: true, session).contains { $0.subject == erasure.subject }
        isNewDebt = !isOwed && owed.contains { $0.reason != .undated }
    }
}

/// Rows that an erasure asks for and that are there all the same.
public struct OwedRows: Sendable, Hashable {
    /// What keeps them.
    public enum Reason: String, Sendable, CaseIterable, Codable {
        /// A legal hold: the first purge after its release takes them.
        case held
        /// A task that has not ended, or whose batch is not settled: the first purge after that takes them.
        case open
        /// Nothing says when they began, so that nothing can say that it was before the erasure.
        case undated
        /// Nothing any more.
        case due
    }

    public let dataClass: DataClass
    public let reason: Reason
    public let rows: Int64

    /// Why they are there, as the end of a sentence.
    public var sentence: String {
        let what = "\(rows) rows of \(dataClass.rawValue)"
        return switch reason {
        case .held: "\(what) are held; the first purge after the release takes them"
        case .open:
            "\(what) are of tasks that run, or of batches that are not settled; the first purge after that "
                + "takes them"
        case .undated: "\(what) have no instant, and nothing takes them"
        case .due: "\(what) are there, and nothing keeps them"
        }
    }
}

extension OwedRows {
    /// What is left of each of some erasures, by its run.
    static func count(
        _ erasures: [Erasure], _ shape: DeploymentShape, _ session: Session
    ) throws -> [Int64: [OwedRows]] {
        var owed: [Int64: [OwedRows]] = [:]
        for dataClass in shape.classes {
            let query = ClassQuery(dataClass, shape)
            for subjects in [erasures.filter { $0.owner != nil }, erasures.filter { $0.video != nil }] {
                let asked = subjects.filter { $0.isAbout(dataClass) }
                guard let first = asked.first else { continue }
                let key = first.owner == nil ? query.video : query.owner
                for row in try rows(query, of: asked, by: key, session) {
                    let counted = try Reason.allCases.map {
                        OwedRows(
                            dataClass: dataClass, reason: $0, rows: try row.int($0.rawValue))
                    }
                    owed[try row.int("run"), default: []] += counted.filter { $0.rows > 0 }
                }
            }
        }
        return owed
    }

    private static func rows(
        _ query: ClassQuery, of erasures: [Erasure], by key: String, _ session: Session
    ) throws -> [Row] {
        try session.query(
            """
            SELECT x.run, count(*) FILTER (WHERE x.is_open) AS open,
                count(*) FILTER (WHERE NOT x.is_open AND x.is_held) AS held,
                count(*) FILTER (WHERE NOT x.is_open AND NOT x.is_held AND x.is_undated) AS undated,
                count(*) FILTER (WHERE NOT x.is_open AND NOT x.is_held AND NOT x.is_undated) AS due
            FROM (
                SELECT a.run, (\(query.isOpen)) AS is_open, (\(query.isHeld)) AS is_held,
                    (\(query.begun) IS NULL OR \(query.instant) IS NULL) AS is_undated
                FROM \(DeploymentShape.table(query.dataClass).fullName) AS r
                \(query.joins)
                JOIN unnest($1::bigint[], $2::uuid[], $3::timestamptz[]) AS a (run, id, before) ON a.id = \(key)
                WHERE ((\(query.belongs)) OR (\(query.isOpen))) AND NOT (\(query.isDone))
                    AND coalesce(\(query.begun) < a.before, true)
            ) AS x
            GROUP BY x.run
            """,
            [
                .ints(erasures.map(\.run)), .uuids(erasures.compactMap { $0.owner ?? $0.video }),
                .instants(erasures.map(\.before)),
            ])
    }

    /// Notes after a run that nothing is left of what was owed, where that is so.
    static func settle(_ run: Int64, _ session: Session) throws {
        let erasures = try Erasure.inForce(isOwed: true, session)
        guard !erasures.isEmpty else { return }
        let owed = try count(erasures, try DeploymentShape(session), session)
        // What no run can ever take is said once, by the run that was asked for it.
        let settled = erasures.filter { erasure in !(owed[erasure.run] ?? []).contains { $0.reason != .undated } }
        try session.execute(
            "UPDATE daybook.erasure SET settled_run = $1 WHERE run_id = ANY ($2) AND settled_run IS NULL",
            [.int(run), .ints(settled.map(\.run))])
    }

    /// What is owed, and what was erased and is there again, as a verification names it.
    static func findings(_ session: Session) throws -> [Verification.Finding] {
        let erasures = try Erasure.inForce(isOwed: false, session)
        guard !erasures.isEmpty else { return [] }
        let unsettled = Set(try Erasure.inForce(isOwed: true, session).map(\.run))
        let owed = try count(erasures, try DeploymentShape(session), session)
        return erasures.flatMap { erasure in
            // What has no instant is no debt: no purge can ever take it.
            (owed[erasure.run] ?? []).filter { $0.reason != .undated }.map { rows in
                Verification.Finding(
                    subject: "erasure \(erasure.run) of \(erasure.name)",
                    what: (unsettled.contains(erasure.run) ? "owed: " : "") + rows.sentence)
            }
        }
    }
}

/// What else there is of what an erasure is about: the holds that keep rows of it, and the copies that earlier purges
/// made.
struct ErasureSurroundings: Sendable {
    let holds: [HoldInForce]
    /// One sentence per copy.
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
            case .account: owners.contains(hold.owner ?? "")
            case .batch: batches.contains(hold.coveredID ?? "")
            case .video, .unknown: hold.coveredID == video
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
                AND t.data_class IN (\(Terms.customersClasses)) AND t.data_class <> '\(DataClass.videoFiles.rawValue)'
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
