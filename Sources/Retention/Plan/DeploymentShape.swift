internal import Domain
internal import Postgres
internal import Schema

/// What the retention needs to know of a database's tables: which there are, whose they are, and where a row's owner
/// and instant stand in them.
struct DeploymentShape: Sendable {
    /// The tables that purges work on.
    static let tables: [DataClass: KnownTable] = [
        .accessLog: .accessLog, .apiUsage: .apiUsage, .probes: .probe, .taskContent: .videoTasks,
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
        DataClass.allCases.filter { dataClass in Self.tables[dataClass].map(catalog.has) ?? false }
    }

    /// What a purge clears in a row of a class; nil where it takes the row.
    func redactedColumns(of dataClass: DataClass) -> RedactedColumns? {
        switch dataClass {
        case .accessLog, .probes: nil
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

/// Names of tables as `schema.name`, and as SQL writes them.
enum TableName {
    /// `"public"."video_tasks"`. The schema ends at the first dot.
    static func quoted(_ name: String, _ session: Session) -> String {
        name.split(separator: ".", maxSplits: 1).map { session.quoteIdentifier(String($0)) }.joined(separator: ".")
    }

    /// A common table expression `tree` of a table, `$1`, and everything that takes after it, as `relation`.
    static let tree = """
        tree AS (
            SELECT to_regclass($1)::oid AS relation
            UNION
            SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.relation
        )
        """

    /// The tables that hold a table's rows: itself, or its partitions and children, by their names.
    ///
    /// Foreign tables among them are not ours to walk and are left out.
    static func leaves(of table: String, _ session: Session) throws -> [String] {
        let rows = try session.query(
            """
            WITH RECURSIVE \(tree)
            SELECT n.nspname || '.' || c.relname AS name
            FROM tree JOIN pg_class AS c ON c.oid = tree.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' ORDER BY c.oid
            """, [.text(table)])
        return try rows.map { try $0.text("name") }
    }

    /// The pages of a table's heap now.
    static func pages(of table: String, _ session: Session) throws -> Int64 {
        let rows = try session.query(
            "SELECT pg_relation_size(to_regclass($1)) / current_setting('block_size')::bigint AS pages",
            [.text(quoted(table, session))])
        return try rows[0].optionalInt("pages") ?? 0
    }
}
