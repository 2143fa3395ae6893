import Documents
import Domain
import Postgres
import Schema

/// Counts the figures of an SLA report: each by one SQL file, all in the session's one snapshot.
struct SLAReader {
    let scope: SLAScope
    let session: Session
    let library: QueryLibrary
    let catalog: Catalog
    /// Further connections of the same snapshot; nil where one reads alone.
    let readers: SnapshotReaders?
    /// The options of each reader's transaction.
    let options: TransactionOptions
    let progress: (String) -> Void
    /// True where a page is made, whose pictures want more than the tables.
    let drawsPictures: Bool

    /// Both clocks where any task knows when it was handed over; else they are one and the same.
    let clocks: [ContractProfile.Clock]
    /// The recorded outages of the provider as values, where queries cannot read them from their table.
    private let outages: [String: Value]

    /// - Parameter clocks: Those of ``clocks(_:_:)``, where they were asked for before.
    init(
        scope: SLAScope, session: Session, library: QueryLibrary, catalog: Catalog, readers: SnapshotReaders? = nil,
        clocks: [ContractProfile.Clock]? = nil, drawsPictures: Bool = false,
        options: TransactionOptions = ReportSession.options(statementTimeoutMilliseconds: 0),
        progress: @escaping (String) -> Void
    ) throws {
        self.scope = scope
        self.session = session
        self.library = library
        self.catalog = catalog
        self.readers = readers
        self.options = options
        self.progress = progress
        self.drawsPictures = drawsPictures
        self.clocks = try clocks ?? Self.clocks(session, catalog)
        outages = catalog.isDivided ? try Self.outages(session, catalog) : [:]
    }

    /// The clocks that are asked for.
    static func clocks(_ session: Session, _ catalog: Catalog) throws -> [ContractProfile.Clock] {
        let facts = try session.query(
            """
            WITH task_fact AS (\(catalog.select(.taskFact)))
            SELECT true AS has_dispatches FROM task_fact WHERE dispatched_at IS NOT NULL LIMIT 1
            """)
        return facts.isEmpty ? [.dispatch] : ContractProfile.Clock.allCases
    }

    /// What `told_outage.sql` takes.
    private static func outages(_ session: Session, _ catalog: Catalog) throws -> [String: Value] {
        let outages = try session.query(
            """
            WITH provider_outage AS (\(catalog.select(.providerOutage)))
            SELECT model, starts_at, ends_at FROM provider_outage ORDER BY starts_at, ends_at, model COLLATE "C"
            """)
        return [
            "outage_models": .texts(try outages.map { try $0.text("model") }),
            "outage_starts": .instants(try outages.map { try $0.instant("starts_at") }),
            "outage_ends": .instants(try outages.map { try $0.instant("ends_at") }),
        ]
    }

    /// Counts everything but the drill-down, for each report of a group.
    func figures(of group: SLAGroup) throws -> [SLAFigures] {
        scope.areApart ? try figures(ofEach: group.scopes) : [try figures()]
    }

    /// The same for the report of everybody.
    private func figures() throws -> SLAFigures {
        var figures = SLAFigures()
        figures.availability = try availability([scope.current])[0]
        let month = try countMonth()
        let counted = try month.parameters()
        figures.completions = month.completions()
        figures.judgedTasks = month.judged
        figures.refundRates = try month.refundRates()
        figures.batches = try batches([scope.current], counted: counted)[0]
        if figures.batches.isEmpty { figures.batches = [.init(account: nil, figure: BatchFigure())] }
        let keys = try idempotencyKeys(), keepsLog = try keepsRequestLog()
        figures.idempotency = figures.batches.map {
            .init(account: $0.account, figure: IdempotencyFigure(keys[$0.account], keepsLog: keepsLog, $0.figure))
        }
        figures.refundExceptions = try refundExceptions(counted)
        figures.exceptions = missingTables() + (month.exceptions() + (try exceptions(counted))).sorted()
        figures.ownAvailability = try ownAvailability()
        figures.within = try apiMinutes()
        figures.detail.models = month.detail(scope.widestProfile)
        figures.detail.refundAges = try refundAges(counted)
        figures.detail.downtime = try downtime(noticeHours: scope.widestProfile.maintenanceNoticeHours)
        figures.history = try history()
        return figures
    }

    /// A query of the report with its values, as it is sent to the server.
    ///
    /// - Parameter counted: What the tasks of the one month came to, where they were counted before:
    ///   ``MonthCount/parameters()``.
    func bound(
        _ name: String, months: [SLAScope.JudgedMonth]? = nil, noticeHours: Int64? = nil,
        counted: [String: Value]? = nil
    ) throws -> BoundQuery {
        var parameters = parameters(months ?? [scope.current], noticeHours: noticeHours)
        guard let counted else {
            return try library.bind(name, catalog: catalog, parameters: parameters, standingIn: scope.standIns)
        }
        parameters.merge(counted) { _, counted in counted }
        return try library.bind(
            name, catalog: catalog, parameters: parameters,
            standingIn: scope.standIns.merging(
                ["batch_work": "counted_work", "judged_stranger": "counted_stranger"]
            ) { $1 })
    }

    func rows(
        _ name: String, months: [SLAScope.JudgedMonth]? = nil, noticeHours: Int64? = nil,
        counted: [String: Value]? = nil
    ) throws -> [Row] {
        progress("counting \(Column.title(of: name).lowercased())")
        let query = try bound(name, months: months, noticeHours: noticeHours, counted: counted)
        // What tasks of past months came to is read from them.
        guard name == "batches", counted == nil else { return try query.rows(session) }
        return try ReportSession.readingMany(session, parts: 1) { try query.rows(session) }
    }

    /// Reads the tasks of the month, each once, the customers divided over the connections that there are.
    func countMonth() throws -> MonthCount {
        let parts = try dividedTasks { query, session in
            var count = MonthCount()
            try query.forEachRow(session, onColumns: MonthCount.require) { try count.read($0) }
            return count
        }
        var month = parts[0]
        for part in parts.dropFirst() { month.add(part) }
        return month
    }

    /// Reads the tasks of the month by `month_tasks.sql`.
    func dividedTasks<Part: Sendable>(
        _ body: @escaping @Sendable (BoundQuery, Session) throws -> Part
    ) throws -> [Part] {
        progress("counting completion")
        var parameters = parameters([scope.current])
        parameters["with_batch_tasks"] = .bool(true)
        return try divided("month_tasks", parameters, body)
    }

    /// All rows of a query whose rows are those of one customer each, or numbers that may be added up.
    func dividedRows(_ name: String, months: [SLAScope.JudgedMonth]) throws -> [Row] {
        progress("counting \(Column.title(of: name).lowercased())")
        return try divided(name, parameters(months)) { query, session in try query.rows(session) }.flatMap(\.self)
    }

    /// Runs a query once for each part of the customers, over as many connections of the snapshot as there are.
    private func divided<Part: Sendable>(
        _ name: String, _ parameters: [String: Value], _ body: @escaping @Sendable (BoundQuery, Session) throws -> Part
    ) throws -> [Part] {
        let read: @Sendable (Session, Int, Int) throws -> Part = { [library, catalog, scope] session, part, parts in
            var parameters = parameters
            parameters["reader_part"] = .int(Int64(part))
            parameters["reader_parts"] = .int(Int64(parts))
            let query = try library.bind(
                name, catalog: catalog, parameters: parameters, standingIn: scope.standIns)
            return try ReportSession.readingMany(session, parts: parts) { try body(query, session) }
        }
        // One customer is one part.
        guard let readers, scope.onlyAccount == nil else { return [try read(session, 0, 1)] }
        return try readers.read(
            session, options: options, prepare: { try ReportSession.prepare($0) }, read)
    }

    private func parameters(_ months: [SLAScope.JudgedMonth], noticeHours: Int64? = nil) -> [String: Value] {
        scope.parameters(
            months: months, clocks: clocks, noticeHours: noticeHours ?? scope.widestProfile.maintenanceNoticeHours
        ).merging(outages) { $1 }
    }

    /// Availability of each month, in the months' order.
    func availability(
        _ months: [SLAScope.JudgedMonth], noticeHours: Int64? = nil
    ) throws -> [[AvailabilityFigure]] {
        guard !months.isEmpty else { return [] }
        var figures = [[AvailabilityFigure]](repeating: [], count: months.count)
        for row in try rows("availability", months: months, noticeHours: noticeHours) {
            figures[Int(try row.int("period")) - 1].append(
                AvailabilityFigure(
                    component: try row.text("component"), total: try row.int("total"),
                    monitored: try row.int("monitored"), down: try row.int("down"), excluded: try row.int("excluded")))
        }
        return figures
    }

    /// The components of each account's own month: one query for all the accounts whose contracts ask for the
    /// same notice.
    private func ownAvailability() throws -> [String: [AvailabilityFigure]] {
        var byAccount: [String: [AvailabilityFigure]] = [:]
        let byNotice = Dictionary(grouping: zip(scope.accounts, scope.ownContracts)) {
            $0.1.profile.maintenanceNoticeHours
        }
        for (notice, subjects) in byNotice.sorted(by: { $0.key < $1.key }) {
            let accounts = subjects.map(\.0)
            let periods = Array(Set(accounts.compactMap { scope.ownPeriods[$0.slug] }))
            let months = periods.map {
                SLAScope.JudgedMonth(month: scope.request.month, period: $0, cutoff: scope.current.cutoff)
            }
            let counted = Dictionary(uniqueKeysWithValues: zip(periods, try availability(months, noticeHours: notice)))
            for account in accounts {
                byAccount[account.slug] = scope.ownPeriods[account.slug].flatMap { counted[$0] }
            }
        }
        return byAccount
    }

    /// Batches of each month as far as there are any, by account, and before them for everybody where accounts are not
    /// apart.
    func batches(
        _ months: [SLAScope.JudgedMonth], counted: [String: Value]? = nil
    ) throws -> [[SLAFigures.Of<BatchFigure>]] {
        guard !months.isEmpty else { return [] }
        var figures = [[SLAFigures.Of<BatchFigure>]](repeating: [], count: months.count)
        for row in try rows("batches", months: months, counted: counted) {
            figures[Int(try row.int("period")) - 1].append(
                .init(account: try row.optionalInt("account"), figure: try BatchFigure(row)))
        }
        return figures
    }

    /// True where a log of requests can say whether one came again: one that takes a request of a key once cannot.
    func keepsRequestLog() throws -> Bool {
        let log = try session.query(
            """
            WITH enterprise_api_usage AS (\(catalog.select(.apiUsage)))
            SELECT EXISTS (SELECT 1 FROM enterprise_api_usage WHERE created_at <= $1 LIMIT 1) AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_index AS i
                WHERE i.indrelid = pg_catalog.to_regclass('public.enterprise_api_usage') AND i.indisunique
                    AND i.indisvalid AND EXISTS (
                        SELECT FROM pg_catalog.pg_attribute AS a
                        WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attname = 'request_id'
                    )
                    AND NOT EXISTS (
                        SELECT FROM pg_catalog.unnest(i.indkey::smallint[]) AS k (number)
                        LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
                        WHERE a.attname IS NULL OR a.attname NOT IN ('user_id', 'api_key_id', 'request_id')
                    )
            ) AS keeps_log
            """, [.instant(scope.current.cutoff)])
        return try log[0].bool("keeps_log")
    }

    /// Idempotency keys by account, and for everybody (nil) where accounts are not apart.
    func idempotencyKeys() throws -> [Int64?: IdempotencyKeys] {
        var keys: [Int64?: IdempotencyKeys] = [:]
        for row in try rows("idempotency") { keys[try row.optionalInt("account")] = try IdempotencyKeys(row) }
        return keys
    }

    func refundExceptions(_ counted: [String: Value]?) throws -> [SLAFigures.RefundException] {
        try rows("refund_exceptions", counted: counted).map { row in
            SLAFigures.RefundException(
                account: try row.int("account"), batchID: try row.text("batch_id"),
                refundClass: try row.text("class"), obligatedCredits: try row.int("obligated_credits"),
                refundedCredits: try row.int("refunded_credits"),
                microseconds: try row.optionalInt("refund_microseconds"), day: Int(try row.int("day")))
        }
    }

    /// Refunds of the month by account, class and the time that they took; none where nothing is drawn.
    func refundAges(_ counted: [String: Value]?) throws -> [MonthDetail.RefundAge] {
        guard drawsPictures else { return [] }
        return try rows("refund_ages", counted: counted).map { row in
            MonthDetail.RefundAge(
                account: try row.int("account"), refundClass: try row.text("class"), step: Int(try row.int("step")),
                batches: try row.int("batches"))
        }
    }

    /// Minutes of the month that were not up, with maintenance that was announced so many hours ahead; none where
    /// nothing is drawn.
    func downtime(noticeHours: Int64) throws -> [MonthDetail.Downtime] {
        guard drawsPictures else { return [] }
        return try rows("downtime", noticeHours: noticeHours).map { row in
            MonthDetail.Downtime(
                component: try row.text("component"), kind: .init(rawValue: try row.text("kind")) ?? .down,
                startsAt: try row.instant("starts_at"), minutes: try row.int("minutes"))
        }
    }

    /// What the deployment lacks and a query would read.
    func missingTables() -> [SLAFigures.Exception] {
        library.gaps(in: catalog).map { gap in
            SLAFigures.Exception(
                kind: gap.column == nil ? "missing_table" : "missing_column", account: nil, reference: gap.reference,
                detail: gap.column == nil ? gap.table.consequence : "read as empty")
        }
    }

    func exceptions(_ counted: [String: Value]?) throws -> [SLAFigures.Exception] {
        try rows("exceptions", counted: counted).map { try SLAFigures.Exception($0) }
    }
}

extension SLAReader {
    /// Every query of the report as one psql script with the values written out.
    ///
    /// For auditors, who want to see with their own tool what was counted.
    func script(includesTasks: Bool) throws -> String {
        var script = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n\(ReportSession.settings);\n"
        let current = [
            "availability", "availability_within", "availability_differences", "completion", "batches", "idempotency",
            "refund_exceptions", "refund_rates", "exceptions", "task_exceptions", "downtime", "refund_ages",
        ]
        for name in current { script += try statement(name, months: [scope.current]) }
        for name in ["availability", "trend_completion", "batches"] where !scope.earlier.isEmpty {
            script += try statement(name, months: scope.earlier)
        }
        if includesTasks { script += try statement("tasks", months: [scope.current]) }
        return script + "COMMIT;\n"
    }

    private func statement(_ name: String, months: [SLAScope.JudgedMonth]) throws -> String {
        let sql = try bound(name, months: months).script(session, literal: Self.literal)
        return "\\echo \(name)\n\(sql);\n"
    }

    static func literal(_ value: Value) -> String {
        func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }
        func array(_ elements: [String], _ type: String) -> String {
            "ARRAY[\(elements.map(quoted).joined(separator: ", "))]::\(type)[]"
        }
        return switch value {
        case .int(let number): String(number)
        case .bool(let isTrue): isTrue ? "true" : "false"
        case .text(let text): quoted(text)
        case .ints(let numbers): array(numbers.map(String.init), "bigint")
        case .texts(let texts): array(texts, "text")
        case .instants(let instants): array(instants.map(\.description), "timestamptz")
        default: "NULL"
        }
    }
}
