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

    /// Both clocks where any task knows when it was handed over; else they are one and the same.
    let clocks: [ContractProfile.Clock]

    init(
        scope: SLAScope, session: Session, library: QueryLibrary, catalog: Catalog, readers: SnapshotReaders? = nil,
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
        clocks = try Self.clocks(session, catalog)
    }

    /// The clocks that are asked for.
    static func clocks(_ session: Session, _ catalog: Catalog) throws -> [ContractProfile.Clock] {
        let facts = try session.query(
            """
            WITH task_fact AS (\(catalog.select(.taskFact)))
            SELECT EXISTS (SELECT FROM task_fact WHERE dispatched_at IS NOT NULL) AS has_dispatches
            """)
        return try facts[0].bool("has_dispatches") ? ContractProfile.Clock.allCases : [.dispatch]
    }

    /// Counts everything but the drill-down.
    func figures() throws -> SLAFigures {
        var figures = SLAFigures()
        figures.availability = try availability([scope.current])[0]
        let month = try countMonth()
        figures.completions = month.completions().filter { isReported($0.account) }
        figures.judgedTasks = month.judged
        figures.refundRates = try month.refundRates().filter { isReported($0.account) }
        figures.batches = try batches([scope.current], counted: month)[0]
        figures.idempotency = try idempotency(figures.batches)
        figures.refundExceptions = try refundExceptions(month)
        figures.exceptions = try exceptions(month)
        figures.ownAvailability = try ownAvailability()
        figures.trend = try earlierTrend()
        return figures
    }

    /// A query of the report with its values, as it is sent to the server.
    func bound(
        _ name: String, months: [SLAScope.JudgedMonth]? = nil, noticeHours: Int64? = nil, counted: MonthCount? = nil
    ) throws -> BoundQuery {
        var parameters = parameters(months ?? [scope.current], noticeHours: noticeHours)
        guard let counted else { return try library.bind(name, catalog: catalog, parameters: parameters) }
        parameters.merge(try counted.parameters()) { _, counted in counted }
        return try library.bind(
            name, catalog: catalog, parameters: parameters,
            standingIn: ["batch_work": "counted_work", "judged_stranger": "counted_stranger"])
    }

    func rows(
        _ name: String, months: [SLAScope.JudgedMonth]? = nil, noticeHours: Int64? = nil, counted: MonthCount? = nil
    ) throws -> [Row] {
        progress("counting \(Column.title(of: name).lowercased())")
        let query = try bound(name, months: months, noticeHours: noticeHours, counted: counted)
        // What tasks of past months came to is read from them.
        guard name == "batches", counted == nil else { return try query.rows(session) }
        return try ReportSession.readingMany(session, parts: 1) { try query.rows(session) }
    }

    /// Reads the tasks of the month, each once, the customers divided over the connections that there are.
    func countMonth() throws -> MonthCount {
        progress("counting completion")
        var parameters = parameters([scope.current])
        parameters["with_batch_tasks"] = .bool(true)
        let parts = try divided("month_tasks", parameters) { query, session in
            var count = MonthCount()
            try query.forEachRow(session, onColumns: MonthCount.require) { try count.read($0) }
            return count
        }
        var month = parts[0]
        for part in parts.dropFirst() { month.add(part) }
        return month
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
        let read: @Sendable (Session, Int, Int) throws -> Part = { [library, catalog] session, part, parts in
            var parameters = parameters
            parameters["reader_part"] = .int(Int64(part))
            parameters["reader_parts"] = .int(Int64(parts))
            let query = try library.bind(name, catalog: catalog, parameters: parameters)
            return try ReportSession.readingMany(session, parts: parts) { try body(query, session) }
        }
        // One customer is one part.
        guard let readers, scope.onlyAccount == nil else { return [try read(session, 0, 1)] }
        return try readers.read(
            session, options: options, prepare: { try ReportSession.prepare($0) }, read)
    }

    private func parameters(_ months: [SLAScope.JudgedMonth], noticeHours: Int64? = nil) -> [String: Value] {
        scope.parameters(
            months: months, clocks: clocks, noticeHours: noticeHours ?? scope.widestProfile.maintenanceNoticeHours)
    }

    /// Rows of everybody are left out of the report of one account.
    func isReported(_ account: Int64?) -> Bool { account != nil || scope.onlyAccount == nil }

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

    /// Batches of each month, for everybody and by account; everybody's row is there even where nothing is.
    ///
    /// - Parameter counted: What the tasks of the one month came to, where they were counted before.
    func batches(
        _ months: [SLAScope.JudgedMonth], counted: MonthCount? = nil
    ) throws -> [[SLAFigures.Of<BatchFigure>]] {
        guard !months.isEmpty else { return [] }
        var figures = [[SLAFigures.Of<BatchFigure>]](repeating: [], count: months.count)
        for row in try rows("batches", months: months, counted: counted) {
            let account = try row.optionalInt("account")
            guard isReported(account) else { continue }
            figures[Int(try row.int("period")) - 1].append(.init(account: account, figure: try BatchFigure(row)))
        }
        let everybody: Int64? = scope.onlyAccount == nil ? nil : 1
        return figures.map { $0.isEmpty ? [.init(account: everybody, figure: BatchFigure())] : $0 }
    }

    private func idempotency(
        _ batches: [SLAFigures.Of<BatchFigure>]
    ) throws -> [SLAFigures.Of<IdempotencyFigure>] {
        let log = try session.query(
            """
            WITH enterprise_api_usage AS (\(catalog.select(.apiUsage)))
            SELECT EXISTS (SELECT FROM enterprise_api_usage WHERE created_at <= $1) AND NOT EXISTS (
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
        // A log that takes a request of a key once cannot say whether it came again.
        let keepsLog = try log[0].bool("keeps_log")
        var counted: [Int64?: Row] = [:]
        for row in try rows("idempotency") { counted[try row.optionalInt("account")] = row }
        return try batches.map { batch in
            let row = counted[batch.account]
            return SLAFigures.Of(
                account: batch.account,
                figure: IdempotencyFigure(
                    keysSeen: try row?.int("keys_seen") ?? 0,
                    keysReplayed: keepsLog ? try row?.int("keys_replayed") ?? 0 : nil,
                    duplicated: try row?.int("duplicated") ?? 0, overFrozen: batch.figure.overFrozen))
        }
    }

    func refundExceptions(_ month: MonthCount?) throws -> [SLAFigures.RefundException] {
        try rows("refund_exceptions", counted: month).map { row in
            SLAFigures.RefundException(
                account: try row.int("account"), batchID: try row.text("batch_id"),
                refundClass: try row.text("class"), obligatedCredits: try row.int("obligated_credits"),
                refundedCredits: try row.int("refunded_credits"),
                microseconds: try row.optionalInt("refund_microseconds"))
        }
    }

    private func exceptions(_ month: MonthCount) throws -> [SLAFigures.Exception] {
        let missing = library.gaps(in: catalog).map { gap in
            SLAFigures.Exception(
                kind: gap.column == nil ? "missing_table" : "missing_column", account: nil, reference: gap.reference,
                detail: gap.column == nil ? gap.table.consequence : "read as empty")
        }
        let counted = try rows("exceptions", counted: month).map { try SLAFigures.Exception($0) }
        return missing + (month.exceptions() + counted).sorted()
    }
}

extension SLAReader {
    /// Every query of the report as one psql script with the values written out.
    ///
    /// For auditors, who want to see with their own tool what was counted.
    func script(includesTasks: Bool) throws -> String {
        var script = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n\(ReportSession.settings);\n"
        let current = [
            "availability", "completion", "batches", "idempotency", "refund_exceptions", "refund_rates", "exceptions",
            "task_exceptions",
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
