internal import Domain
internal import Schema

/// The parts of SQL that a class of data has its own: what a row is, whose, of when, whether it is held or done
/// already.
///
/// The plan counts by them and the purge takes by them, so that the two cannot differ.
struct ClassQuery: Sendable {
    let dataClass: DataClass
    /// The table's own rows, aliased `r`, are joined with this.
    let joins: String
    /// The owner, a uuid or null.
    let owner: String
    /// The instant from which the retention counts, or null.
    let instant: String
    /// A condition on rows that belong to the class at all.
    let belongs: String
    /// True for a row that was redacted before.
    let isDone: String
    /// True for a row that a hold covers now.
    let isHeld: String

    init(_ dataClass: DataClass, _ shape: DeploymentShape) {
        switch dataClass {
        case .accessLog: self = Self.accessLog(shape)
        case .apiUsage: self = Self.apiUsage(shape)
        case .probes: self = Self.probes
        case .taskContent: self = Self.taskContent(shape)
        }
    }

    private init(
        _ dataClass: DataClass, joins: String, owner: String, instant: String, belongs: String = "true",
        isDone: String = "false", holds: [String]
    ) {
        self.dataClass = dataClass
        self.joins = joins
        self.owner = owner
        self.instant = instant
        self.belongs = belongs
        self.isDone = isDone
        // A null is in no list; `coalesce` makes that a plain no.
        isHeld = holds.isEmpty ? "false" : holds.map { "coalesce(\($0), false)" }.joined(separator: " OR ")
    }

    private static let heldOwner = "IN (SELECT h.user_id FROM daybook.held_owner AS h)"
    private static let heldBatch = "IN (SELECT h.batch_id FROM daybook.held_batch AS h)"
    private static let heldVideo = "IN (SELECT h.video_id FROM daybook.held_video AS h)"

    private static func accessLog(_ shape: DeploymentShape) -> ClassQuery {
        let video = shape.column("video_id", of: .accessLog, alias: "r")
        // Our own table carries the owner; a deployment's column of that name would mean something else.
        let same = shape.isOwn ? " AND (r.owner_id IS NULL OR t.user_id = r.owner_id)" : ""
        let owner = shape.isOwn ? "coalesce(r.owner_id, t.user_id)" : "t.user_id"
        return ClassQuery(
            .accessLog, joins: "LEFT JOIN public.video_tasks AS t ON t.id = \(video)\(same)", owner: owner,
            instant: shape.column("created_at", of: .accessLog, alias: "r"),
            holds: ["\(owner) \(heldOwner)", "t.batch_job_id \(heldBatch)", "\(video) \(heldVideo)"])
    }

    private static func apiUsage(_ shape: DeploymentShape) -> ClassQuery {
        let key = shape.column("api_key_id", of: .apiUsage, alias: "r")
        let hasKeys = shape.catalog.has(.apiKeys)
        let keys =
            hasKeys ? "public.enterprise_api_keys" : "(SELECT NULL::uuid AS id, NULL::uuid AS user_id WHERE false)"
        let owner = shape.isOwn ? "coalesce(r.user_id, k.user_id)" : "k.user_id"
        let same = shape.isOwn ? " AND (r.user_id IS NULL OR k.user_id = r.user_id)" : ""
        let batch = shape.column("batch_job_id", of: .apiUsage, alias: "r")
        let content = shape.usageContent.map { "r.\($0) IS NULL" }
        return ClassQuery(
            .apiUsage, joins: "LEFT JOIN \(keys) AS k ON k.id = \(key)\(same)", owner: owner,
            instant: shape.column("created_at", of: .apiUsage, alias: "r"),
            isDone: content.isEmpty ? "true" : content.joined(separator: " AND "),
            holds: ["\(owner) \(heldOwner)", "\(batch) \(heldBatch)"])
    }

    private static let probes = ClassQuery(
        .probes, joins: "", owner: "NULL::uuid", instant: "r.probed_at", holds: [])

    private static func taskContent(_ shape: DeploymentShape) -> ClassQuery {
        let completed = shape.column("completed_at", of: .videoTasks, alias: "r")
        let updated = shape.column("updated_at", of: .videoTasks, alias: "r")
        return ClassQuery(
            .taskContent,
            joins: """
                LEFT JOIN daybook.task_fact AS f ON f.user_id = r.user_id AND f.task_id = r.id
                LEFT JOIN daybook.task_redaction AS d ON d.user_id = r.user_id AND d.task_id = r.id
                """,
            owner: "r.user_id", instant: "coalesce(\(completed), f.terminal_at, \(updated))",
            belongs: "\(shape.column("status", of: .videoTasks, alias: "r")) IN ('succeeded', 'failed')",
            isDone: "d.task_id IS NOT NULL",
            holds: ["r.user_id \(heldOwner)", "r.batch_job_id \(heldBatch)", "r.id \(heldVideo)"])
    }
}
