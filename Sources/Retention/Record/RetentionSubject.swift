internal import Domain
internal import Postgres
internal import Schema

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
            self = try Self(owner: AccountName.userID(name, session), session)
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
