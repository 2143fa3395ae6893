// Over 300 lines: what each class is stands beside what all of them are read from.
internal import Domain
internal import Postgres
internal import Schema

/// The parts of SQL that a class of data has its own: what a row is, whose, of when, whether it is held or done
/// already.
///
/// The plan counts by them and the purge takes by them, so that the two cannot differ.
struct ClassQuery: Sendable {
    let dataClass: DataClass
    /// What the table's own rows, aliased `r`, are looked up in.
    private let lookups: [Lookup]
    /// The owner, a uuid or null.
    let owner: String
    /// The instant from which the retention counts, or null.
    let instant: String
    /// The video that the row is about, a uuid or null.
    let video: String
    /// The instant from which an erasure claims the row: a task's is that of its beginning.
    let begun: String
    /// A condition on rows that belong to the class at all.
    var belongs: String
    /// True for a row that may not go yet, whatever its policy says: its task runs, or its batch is not settled.
    let isOpen: String
    /// True for a row that was redacted before, and is empty still.
    let isDone: String
    /// True for a row that a hold covers now.
    let isHeld: String
    /// True for a row whose end was begun and not finished: it is due whatever its policy says by now.
    var isBegun = "false"
    /// Bytes that go with a row and are not in the database.
    var bytes = "0::bigint"

    /// For all rows of a table at once: the server joins as it likes.
    var joins: String { lookups.map(\.join).joined(separator: " ") }

    /// For the few rows of a stretch: each is looked up by the index, where there is one, instead of reading all tasks.
    var probes: String { lookups.map(\.probe).joined(separator: " ") }

    /// - Parameter releasedSince: Holds that were released then or later count as well, as they did at that instant.
    /// - Parameter redacted: The columns that were cleared in a redacted task; nil for all that are cleared today.
    init(
        _ dataClass: DataClass, _ shape: DeploymentShape, releasedSince instant: Instant? = nil,
        redacted: Set<String>? = nil
    ) {
        let held = HeldIDs(releasedSince: instant)
        switch dataClass {
        case .accessLog: self = Self.accessLog(shape, held)
        case .apiUsage: self = Self.apiUsage(shape, held)
        case .probes: self = Self.probeRows
        case .taskContent: self = Self.taskContent(shape, held, redacted)
        case .webhookPayload: self = Self.webhookPayload(held)
        case .videoFiles: self = Self.videoFiles(held)
        }
    }

    private init(
        _ dataClass: DataClass, lookups: [Lookup], owner: String, instant: String, video: String = "NULL::uuid",
        begun: String? = nil, belongs: String = "true", isOpen: String = "false", isDone: String = "false",
        holds: [String]
    ) {
        self.dataClass = dataClass
        self.lookups = lookups
        self.owner = owner
        self.instant = instant
        self.video = video
        self.begun = begun ?? instant
        self.belongs = belongs
        self.isOpen = isOpen
        self.isDone = isDone
        // A null is in no list; `coalesce` makes that a plain no.
        isHeld = holds.isEmpty ? "false" : holds.map { "coalesce(\($0), false)" }.joined(separator: " OR ")
    }

    /// What is held, by what it is held, as the right side of a comparison.
    private struct HeldIDs {
        let owner: String
        let batch: String
        let video: String

        init(releasedSince instant: Instant?) {
            func ids(_ view: String, _ column: String, _ scope: HoldScope) -> String {
                let released = instant.map {
                    """
                     UNION ALL SELECT h.\(column) FROM daybook.legal_hold AS h
                    WHERE h.scope = '\(scope.rawValue)' AND h.released_at >= '\($0)'::timestamptz
                    """
                }
                return "IN (SELECT h.\(column) FROM daybook.\(view) AS h\(released ?? ""))"
            }
            owner = ids("held_owner", "user_id", .account)
            batch = ids("held_batch", "batch_id", .batch)
            video = ids("held_video", "video_id", .video)
        }
    }

    /// Whose an access is, `reports/sources/owned_access.sql` says: its `owner_id`, written for a row `r` of the log
    /// and the task `t` of the video.
    private static func accessLog(_ shape: DeploymentShape, _ held: HeldIDs) -> ClassQuery {
        let video = shape.column("video_id", of: .accessLog, alias: "r")
        func column(_ table: String, _ name: String) -> String {
            table == "r" ? shape.column(name, of: .accessLog, alias: "r") : "\(table).\(name)"
        }
        let owner = SharedSource.ownedAccess.expression("owner_id", column)
        return ClassQuery(
            .accessLog,
            lookups: [
                Lookup(
                    alias: "t", columns: ["user_id", "batch_job_id"], table: "public.video_tasks",
                    condition: SharedSource.ownedAccess.condition(of: "t", column), isIndexed: shape.findsTasks)
            ], owner: owner,
            instant: shape.column("created_at", of: .accessLog, alias: "r"), video: video,
            holds: ["\(owner) \(held.owner)", "t.batch_job_id \(held.batch)", "\(video) \(held.video)"])
    }

    private static func apiUsage(_ shape: DeploymentShape, _ held: HeldIDs) -> ClassQuery {
        let key = shape.column("api_key_id", of: .apiUsage, alias: "r")
        let hasKeys = shape.catalog.has(.apiKeys)
        let keys =
            hasKeys ? "public.enterprise_api_keys" : "(SELECT NULL::uuid AS id, NULL::uuid AS user_id WHERE false)"
        let owner = shape.isOwn ? "coalesce(r.user_id, k.user_id)" : "k.user_id"
        let same = shape.isOwn ? " AND (r.user_id IS NULL OR k.user_id = r.user_id)" : ""
        let batch = shape.column("batch_job_id", of: .apiUsage, alias: "r")
        let content = shape.usage.assignments.map { $0.isLeftCleared("r") }
        return ClassQuery(
            .apiUsage,
            lookups: [
                Lookup(
                    alias: "k", columns: ["user_id"], table: keys, condition: "k.id = \(key)\(same)",
                    isIndexed: shape.findsKeys)
            ], owner: owner,
            instant: shape.column("created_at", of: .apiUsage, alias: "r"),
            isDone: content.isEmpty ? "true" : content.joined(separator: " AND "),
            holds: ["\(owner) \(held.owner)", "\(batch) \(held.batch)"])
    }

    private static let probeRows = ClassQuery(
        .probes, lookups: [], owner: "NULL::uuid", instant: "r.probed_at", holds: [])

    private static func taskContent(
        _ shape: DeploymentShape, _ held: HeldIDs, _ redacted: Set<String>?
    ) -> ClassQuery {
        let hasEnded = SharedSource.datedTask.expression("has_ended", shape.taskColumn)
        return ClassQuery(
            .taskContent,
            lookups: [
                Lookup(
                    alias: "f", columns: ["terminal_at", "terminal_estimated"], table: "daybook.task_fact",
                    condition: SharedSource.datedTask.condition(of: "f", shape.taskColumn), isIndexed: true),
                Lookup(
                    alias: "d", columns: ["task_id"], table: "daybook.task_redaction",
                    condition: "d.user_id = r.user_id AND d.task_id = r.id", isIndexed: true),
            ],
            owner: "r.user_id", instant: SharedSource.datedTask.expression("ended_at", shape.taskColumn),
            video: "r.id", begun: shape.column("created_at", of: .videoTasks, alias: "r"), belongs: hasEnded,
            isOpen: "NOT coalesce(\(hasEnded), false) OR \(isUnsettled(shape))",
            isDone: "d.task_id IS NOT NULL AND \(shape.redaction.isCleared("r", of: redacted))",
            holds: ["r.user_id \(held.owner)", "r.batch_job_id \(held.batch)", "r.id \(held.video)"])
    }

    /// A message counts from when it was last told to anybody. While its batch is not settled it may be told to another
    /// address, and while a delivery is due it has not been told.
    private static func webhookPayload(_ held: HeldIDs) -> ClassQuery {
        let deliveries = """
            (SELECT user_id, event_id, max(ended_at) AS ended_at, bool_or(state = 'due') AS is_due
            FROM daybook.webhook_delivery GROUP BY user_id, event_id)
            """
        let isOpen = "b.settled_at IS NULL OR coalesce(d.is_due, false)"
        return ClassQuery(
            .webhookPayload,
            lookups: [
                Lookup(
                    alias: "b", columns: ["settled_at"], table: "daybook.batch",
                    condition: "b.user_id = r.user_id AND b.batch_id = r.batch_id", isIndexed: true),
                Lookup(
                    alias: "d", columns: ["ended_at", "is_due"], table: deliveries,
                    condition: "d.user_id = r.user_id AND d.event_id = r.event_id", isIndexed: true),
            ],
            owner: "r.user_id", instant: "greatest(r.told_at, d.ended_at)", begun: "r.told_at",
            belongs: "NOT (\(isOpen))", isOpen: isOpen,
            holds: ["r.user_id \(held.owner)", "r.batch_id \(held.batch)"])
    }

    /// A video counts from the end of its task, so that it goes with what the task says. Its row is marked first, and
    /// done once the store has it no more.
    private static func videoFiles(_ held: HeldIDs) -> ClassQuery {
        let isOpen = "r.state = 'copying' OR (r.state = 'stored' AND b.settled_at IS NULL)"
        var query = ClassQuery(
            .videoFiles,
            lookups: [
                Lookup(
                    alias: "t", columns: ["batch_id", "created_at"], table: "daybook.task",
                    condition: "t.user_id = r.user_id AND t.task_id = r.task_id", isIndexed: true),
                Lookup(
                    alias: "b", columns: ["settled_at"], table: "daybook.batch",
                    condition: "b.user_id = r.user_id AND b.batch_id = t.batch_id", isIndexed: true),
            ],
            owner: "r.user_id", instant: "r.found_at", video: "r.task_id", begun: "t.created_at",
            belongs: "r.state IN ('stored', 'removed') AND NOT (\(isOpen))", isOpen: isOpen,
            isDone: "r.gone_at IS NOT NULL",
            holds: ["r.user_id \(held.owner)", "t.batch_id \(held.batch)", "r.task_id \(held.video)"])
        query.isBegun = "r.state = 'removed' AND r.gone_at IS NULL"
        query.bytes = "r.size_bytes"
        return query
    }

    /// True for a task whose batch is there and not settled: what it says may still be sent to the customer.
    private static func isUnsettled(_ shape: DeploymentShape) -> String {
        let batches = KnownTable.batchJobs
        let isSettled = SharedSource.batchState.expression("is_settled") { _, name in
            shape.column(name, of: batches, alias: "j")
        }
        return
            """
            EXISTS (
                SELECT FROM \(batches.fullName) AS j
                WHERE j.id = \(shape.column("batch_job_id", of: .videoTasks, alias: "r")) AND j.user_id = r.user_id
                    AND NOT (\(isSettled)))
            """
    }
}

/// Where something about a row is looked up that the row itself does not say.
struct Lookup: Sendable {
    let alias: String
    /// The columns that are needed of it.
    let columns: [String]
    let table: String
    /// When a row of `alias` is the one.
    let condition: String
    /// True if an index finds it.
    let isIndexed: Bool

    /// A join that the planner may turn as it likes.
    var join: String { "LEFT JOIN \(table) AS \(alias) ON \(condition)" }

    /// A join that takes row by row: `OFFSET 0` keeps the planner from hashing the whole table for a stretch of rows.
    var probe: String {
        guard isIndexed else { return join }
        let list = columns.map { "\(alias).\($0)" }.joined(separator: ", ")
        return
            """
            LEFT JOIN LATERAL (SELECT \(list) FROM \(table) AS \(alias) WHERE \(condition) OFFSET 0) AS \(alias) ON true
            """
    }
}

/// What the retention needs to know of a database's tables: which there are, whose they are, and where a row's owner
/// and instant stand in them.
struct DeploymentShape: Sendable {
    /// The tables that purges work on.
    static let tables: [DataClass: KnownTable] = [
        .accessLog: .accessLog, .apiUsage: .apiUsage, .probes: .probe, .taskContent: .videoTasks,
        .webhookPayload: .webhookEvent, .videoFiles: .videoCopy,
    ]

    let catalog: Catalog
    /// True where Daybook made the service's tables: then a row of the request log carries its owner.
    let isOwn: Bool
    /// True if a task can be found by its id alone without reading them all.
    let findsTasks: Bool
    let findsKeys: Bool
    /// What a redaction clears in a task, and in a row of the request log.
    let redaction: RedactedColumns
    let usage: RedactedColumns

    init(_ session: Session) throws {
        catalog = try Catalog(session)
        isOwn = try Migrator.madeService(session)
        findsTasks = try Self.hasIndex(on: "video_tasks", session)
        redaction = try RedactedColumns(.videoTasks, session)
        usage = try RedactedColumns(.apiUsage, session)
        findsKeys = try Self.hasIndex(on: "enterprise_api_keys", session)
    }

    /// The classes whose table there is.
    var classes: [DataClass] {
        DataClass.allCases.filter { dataClass in
            // A store of before it had a retention is in no class until its database is migrated.
            if dataClass == .videoFiles { return catalog.type(of: "gone_at", in: .videoCopy) != nil }
            return Self.tables[dataClass].map(catalog.has) ?? false
        }
    }

    /// What a purge clears in a row of a class; nil where it takes the row.
    func redactedColumns(of dataClass: DataClass) -> RedactedColumns? {
        switch dataClass {
        case .accessLog, .probes, .videoFiles, .webhookPayload: nil
        case .apiUsage: usage
        case .taskContent: redaction
        }
    }

    /// Throws what stands against a plan or a purge in the tables as they are: `badData` naming a column that cannot be
    /// cleared, `configuration` naming a child table with columns of its own.
    func requirePurgeable(_ session: Session) throws {
        try redaction.requireClearable()
        try usage.requireClearable()
        try PurgeReach.refuseForeignColumns(self, session)
    }

    static func table(_ dataClass: DataClass) -> KnownTable {
        guard let table = tables[dataClass] else { preconditionFailure("every class has a table") }
        return table
    }

    /// A column of a table under an alias; null of its type where the table has none.
    func column(_ name: String, of table: KnownTable, alias: String) -> String {
        guard let known = table.columns.first(where: { $0.name == name }) else {
            preconditionFailure("\(name) is a known column of \(table.name)")
        }
        guard let actual = catalog.type(of: name, in: table) else { return "NULL::\(known.type)" }
        return known.accepts(actual) ? "\(alias).\(name)" : "\(alias).\(name)::\(known.type)"
    }

    /// A column that the rule of a task's end reads, of a task `r` and what is known of it.
    func taskColumn(_ table: String, _ name: String) -> String {
        table == "t" ? column(name, of: .videoTasks, alias: "r") : "\(table).\(name)"
    }

    /// What an operator should know before a large purge, as sentences with the statement that helps.
    var indexAdvice: [String] {
        var advice: [String] = []
        if catalog.has(.accessLog), !findsTasks {
            advice.append(
                "No index finds a video by its id, so every transaction reads all tasks. This one helps: "
                    + "CREATE INDEX CONCURRENTLY video_tasks_id ON public.video_tasks (id);")
        }
        if catalog.has(.apiUsage), catalog.has(.apiKeys), !findsKeys {
            advice.append(
                "No index finds a key by its id. This one helps: "
                    + "CREATE INDEX CONCURRENTLY enterprise_api_keys_id ON public.enterprise_api_keys (id);")
        }
        return advice
    }

    private static func hasIndex(on table: String, _ session: Session) throws -> Bool {
        let rows = try session.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_index AS i
                JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                WHERE i.indrelid = to_regclass('public.' || $1) AND i.indisvalid AND i.indpred IS NULL
                    AND a.attname = 'id'
            ) AS found
            """, [.text(table)])
        return try rows[0].bool("found")
    }
}
