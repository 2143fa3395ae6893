public import Documents
internal import Domain
public import Postgres
internal import Schema

/// What is held of somebody or something, until when, and what is gone: counted in one snapshot.
public struct RetentionStory: Sendable {
    private let name: String

    /// - Parameter name: The slug of an account, or the id of an owner, a video or its task.
    public init(_ name: String) {
        self.name = name
    }

    /// What there is to say, table by table. It changes nothing.
    ///
    /// Throws `usage` for what nobody has.
    public func tables(_ connection: Connection) async throws -> [Table] {
        try await connection.transaction(.snapshot) { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            try PurgeReach.refuseHiddenRows(session)
            try PlanReader.prepareCounting(session)
            let shape = try DeploymentShape(session)
            try shape.catalog.requireEssentials()
            let subject = try RetentionSubject(name, shape, session)
            let holds = try HoldInForce.all(session).filter { Self.covers($0, subject) }
            return [
                try facts(subject, holds), try kept(subject, shape, session), Self.table(of: holds),
                try gone(subject, shape, session),
            ]
        }
    }

    /// Whether a hold keeps something of the subject: of an account, also what is held of its batches and videos.
    private static func covers(_ hold: HoldInForce, _ subject: RetentionSubject) -> Bool {
        guard let video = subject.video else { return hold.owner == subject.owner }
        switch hold.scope {
        case .account: return hold.owner == subject.owner
        case .batch: return hold.coveredID == subject.batch
        case .video, .unknown: return hold.coveredID == video
        }
    }

    private func facts(_ subject: RetentionSubject, _ holds: [HoldInForce]) throws -> Table {
        let rows = [
            (subject.video.map { ("video", $0) }), subject.batch.map { ("batch", $0) },
            ("account", subject.account ?? "none"), ("owner", subject.owner ?? "nobody"),
            ("legal hold", holds.isEmpty ? "none" : "\(holds.count) in force"),
        ].compactMap(\.self)
        return Table(
            name: "subject", title: "Whose", note: "", columns: [Column("term", .text), Column("value", .text)],
            rows: rows.map { [.text($0.0), .text($0.1)] })
    }

    private static func table(of holds: [HoldInForce]) -> Table {
        Table(
            name: "holds", title: "Held by", note: "",
            columns: [
                Column("hold", .text), Column("scope", .text), Column("reference", .text), Column("matter", .text),
                Column("requested_by", .text), Column("placed_at", .instant),
            ],
            rows: holds.map {
                [
                    .text($0.name), .text($0.scope.rawValue), .text($0.reference), .text($0.matter),
                    .text($0.requestedBy), .instant($0.placedAt),
                ]
            })
    }

    // MARK: - What is there

    private func kept(_ subject: RetentionSubject, _ shape: DeploymentShape, _ session: Session) throws -> Table {
        let today = try session.query(
            "SELECT (transaction_timestamp() AT TIME ZONE 'UTC')::date AS today")[0].date("today")
        let terms = try Terms(session, asOf: today, account: nil)
        var rows: [[Cell]] = []
        for dataClass in shape.classes where dataClass.isCustomers {
            let own = terms.of(dataClass).first { $0.userID == subject.owner }
            guard let term = own ?? terms.fallback(dataClass),
                let row = try count(dataClass, subject, term, shape, session)
            else { continue }
            rows.append(row)
        }
        return Table(
            name: "kept", title: "What is there", note: "",
            columns: [
                Column("data_class", .text), Column("rows", .integer), Column("emptied", .integer),
                Column("held", .integer), Column("undated", .integer), Column("oldest", .instant),
                Column("newest", .instant), Column("retention_days", .integer), Column("first_due_on", .text),
                Column("last_due_on", .text), Column("due_today", .integer),
            ], rows: rows)
    }

    /// One class; nil where the subject has no rows of it, or none can be told to be its.
    private func count(
        _ dataClass: DataClass, _ subject: RetentionSubject, _ term: Term, _ shape: DeploymentShape, _ session: Session
    ) throws -> [Cell]? {
        let query = ClassQuery(dataClass, shape)
        let condition: String
        let id: String
        if let video = subject.video {
            // The request log and messages know batches, and no video.
            guard Erasure.classesOfVideos.contains(dataClass) else { return nil }
            id = video
            condition = "\(query.video) = $1"
        } else {
            guard let owner = subject.owner else { return nil }
            id = owner
            condition = "\(query.owner) = $1"
        }
        let row = try session.query(
            """
            SELECT count(*) AS rows, count(*) FILTER (WHERE i.is_done) AS emptied,
                count(*) FILTER (WHERE i.is_held AND NOT i.is_done) AS held,
                count(*) FILTER (WHERE i.instant IS NULL) AS undated, min(i.instant) AS oldest,
                max(i.instant) AS newest,
                ((min(i.instant) FILTER (WHERE NOT i.is_done) AT TIME ZONE $2)::date + $3::integer + 1)::text AS first,
                ((max(i.instant) FILTER (WHERE NOT i.is_done) AT TIME ZONE $2)::date + $3::integer + 1)::text AS last,
                count(*) FILTER (WHERE NOT i.is_done AND NOT i.is_held AND i.instant < $4) AS due
            FROM (
                SELECT \(query.instant) AS instant, \(query.isDone) AS is_done, \(query.isHeld) AS is_held
                FROM \(DeploymentShape.table(dataClass).fullName) AS r
                \(query.joins)
                WHERE \(query.belongs) AND \(condition)
            ) AS i
            """, [.uuid(id), .text(term.timeZone), .int(term.retentionDays), .instant(term.cutoff)])[0]
        guard try row.int("rows") > 0 else { return nil }
        func instant(_ name: String) throws -> Cell { try row.optionalInstant(name).map(Cell.instant) ?? .empty }
        func text(_ name: String) throws -> Cell { try row.optionalText(name).map(Cell.text) ?? .empty }
        return [
            .text(dataClass.rawValue), .integer(try row.int("rows")), .integer(try row.int("emptied")),
            .integer(try row.int("held")), .integer(try row.int("undated")), try instant("oldest"),
            try instant("newest"), .integer(term.retentionDays), try text("first"), try text("last"),
            .integer(try row.int("due")),
        ]
    }

    // MARK: - What is gone

    private func gone(_ subject: RetentionSubject, _ shape: DeploymentShape, _ session: Session) throws -> Table {
        let removed =
            shape.classes.contains(.videoFiles)
            ? """
            UNION ALL
            SELECT k.removed_run, 'video_files', 'this video', 1, k.gone_at, \(RetentionList.evidence(of: "false"))
            FROM daybook.video_copy AS k JOIN daybook.purge_run AS r ON r.run_id = k.removed_run
            WHERE k.task_id = $1 AND k.gone_at IS NOT NULL
            """ : ""
        let rows =
            if let video = subject.video {
                try session.query(
                    """
                    SELECT d.run_id, 'task_content' AS data_class, 'this task' AS whose, 1::bigint AS rows,
                        d.redacted_at AS at, \(RetentionList.evidence())
                    FROM daybook.task_redaction AS d JOIN daybook.purge_run AS r ON r.run_id = d.run_id
                    WHERE d.task_id = $1
                    UNION ALL
                    SELECT t.run_id, t.data_class, 'all videos of the owner', t.row_count, r.started_at,
                        \(RetentionList.evidence())
                    FROM daybook.purge_total AS t JOIN daybook.purge_run AS r ON r.run_id = t.run_id
                    WHERE t.user_id = $2 AND t.data_class = 'access_log'
                    \(removed)
                    ORDER BY 1, 2
                    """, [.uuid(video), subject.owner.map(Value.uuid) ?? .null])
            } else {
                try session.query(
                    """
                    SELECT t.run_id, t.data_class, 'all of it' AS whose, t.row_count AS rows, r.started_at AS at,
                        \(RetentionList.evidence(of: RetentionList.isArchived))
                    FROM daybook.purge_total AS t JOIN daybook.purge_run AS r ON r.run_id = t.run_id
                    WHERE t.user_id = $1 ORDER BY t.run_id, t.data_class COLLATE "C"
                    """, [subject.owner.map(Value.uuid) ?? .null])
            }
        return Table(
            name: "gone", title: "What is gone", note: "",
            columns: [
                Column("purge", .integer), Column("data_class", .text), Column("of", .text), Column("rows", .integer),
                Column("at", .instant), Column("certificate", .integer), Column("archive", .text),
                Column("archive_ends_at", .instant), Column("put_back_by", .integer),
            ],
            rows: try rows.map { row in
                [
                    .integer(try row.int("run_id")), .text(try row.text("data_class")), .text(try row.text("whose")),
                    .integer(try row.int("rows")), .instant(try row.instant("at")),
                    try row.optionalInt("certificate").map(Cell.integer) ?? .empty, .text(try row.text("archive")),
                    try row.optionalInstant("archive_ends_at").map(Cell.instant) ?? .empty,
                    try row.optionalInt("put_back_by").map(Cell.integer) ?? .empty,
                ]
            })
    }
}

/// What somebody asks about by one word: an account, an owner without one, or a video with its task.
struct RetentionSubject: Sendable {
    /// Whose it is; nil for a video of nobody.
    let owner: String?
    /// The slug of the owner's account; nil without one.
    let account: String?
    /// The id of the video and its task; nil for an account or an owner.
    let video: String?
    /// The batch of the task.
    let batch: String?

    /// Finds what is meant. Throws `usage` for what nobody has.
    init(_ name: String, _ shape: DeploymentShape, _ session: Session) throws {
        let slugs = try session.query(
            "SELECT EXISTS (SELECT FROM daybook.account_slug WHERE slug = $1) OR EXISTS "
                + "(SELECT FROM daybook.account WHERE slug = $1) AS found", [.text(name)])
        if try slugs[0].bool("found") {
            self = try Self(owner: AccountNames.userID(everCalled: name, session), session)
            return
        }
        let unknown = DaybookError.usage(
            "There is no account, video, task or owner \"\(name.prefix(80))\" in this database.")
        guard Self.isID(name) else { throw unknown }
        let id = name.lowercased()
        let tasks = try session.query(
            """
            WITH task AS (\(shape.catalog.select(.videoTasks)))
            SELECT user_id, batch_job_id FROM task WHERE id = $1 ORDER BY user_id LIMIT 1
            """, [.uuid(id)])
        if let task = tasks.first {
            self = try Self(
                owner: task.optionalUuid("user_id"), video: id, batch: task.optionalUuid("batch_job_id"), session)
            return
        }
        if shape.catalog.has(.accessLog) {
            let owner = shape.isOwn ? "r.owner_id" : "NULL::uuid"
            let accesses = try session.query(
                """
                SELECT \(owner) AS owner FROM public.video_external_access_log AS r
                WHERE \(shape.column("video_id", of: .accessLog, alias: "r")) = $1 ORDER BY 1 NULLS LAST LIMIT 1
                """, [.uuid(id)])
            if let access = accesses.first {
                self = try Self(owner: access.optionalUuid("owner"), video: id, batch: nil, session)
                return
            }
        }
        guard try Self.isOwner(id, shape, session) else { throw unknown }
        self = try Self(owner: id, session)
    }

    private init(owner: String?, video: String? = nil, batch: String? = nil, _ session: Session) throws {
        self.owner = owner
        self.video = video
        self.batch = batch
        account = try owner.flatMap { owner in
            try session.query("SELECT slug FROM daybook.account WHERE user_id = $1", [.uuid(owner)]).first?.text("slug")
        }
    }

    private static func isID(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        return parts.map(\.utf8.count) == [8, 4, 4, 4, 12] && parts.allSatisfy { $0.allSatisfy(\.isHexDigit) }
            && text.utf8.count == 36
    }

    /// True if the books, a run or a table of the deployment know the owner.
    private static func isOwner(_ id: String, _ shape: DeploymentShape, _ session: Session) throws -> Bool {
        let places = [KnownTable.batchJobs, .videoTasks, .apiKeys].filter(shape.catalog.has).map {
            "SELECT 1 FROM (\(shape.catalog.select($0))) AS t WHERE t.user_id = $1"
        }
        let own = ["account", "purge_total", "task_redaction"].map {
            "SELECT 1 FROM daybook.\($0) AS t WHERE t.user_id = $1"
        }
        let found = try session.query(
            "SELECT " + (places + own).map { "EXISTS (\($0))" }.joined(separator: " OR ") + " AS found", [.uuid(id)])
        return try found[0].bool("found")
    }
}
