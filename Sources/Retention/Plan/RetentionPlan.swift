internal import Codecs
public import Documents
public import Domain
public import Postgres
internal import Schema

/// What a purge would do as of a date, counted in one snapshot. Making it changes nothing.
public struct RetentionPlan: Sendable {
    public let asOf: CalendarDate
    /// The slug that the plan is limited to, nil for everybody.
    public let account: String?
    /// Only pairs that have rows; by account and class, bytewise.
    public let lines: [PlanLine]
    /// Partitions that would be dropped whole.
    public let wholePartitions: [String]
    /// Sentences for the operator: indexes that are missing, columns that will be cleared although nobody knows them.
    public let advice: [Remark]
    /// What would refuse a purge half way, with the statement that mends it; a purge does not begin where it is about
    /// rows that are due, or a month that would be dropped.
    public var obstacles: [Obstacle] = []
    /// Rows a second that earlier purges reached here; nil before the first.
    public let measuredRowsPerSecond: Int64?
    let terms: Terms
    let holdDigest: String
    /// The holds that are in force: none of them may be released before what the plan shows is done.
    let holds: [String]
    /// The columns of the tasks that would be cleared.
    let redactedColumns: [String]
    /// What an erasure would leave, and why; nil for a purge.
    public let erasing: ErasurePlan?

    /// True where a run has something to record: rows to go, or rows that it will owe.
    var isWorthARun: Bool { dueRows > 0 || erasing?.isNewDebt ?? false }
    /// Rows to go, over all accounts and classes.
    public var dueRows: Int64 { lines.reduce(0) { $0 + $1.dueRows } }
    /// The classes of which rows are to go.
    var dueClasses: Set<DataClass> { Set(lines.filter { $0.dueRows > 0 }.map(\.dataClass)) }
    public var heldRows: Int64 { lines.reduce(0) { $0 + $1.heldRows } }

    /// Seconds that a purge would take, rounded up.
    public var estimatedSeconds: Int64 {
        let speed = max(measuredRowsPerSecond ?? Limits.assumedRowsPerSecond, 1)
        return (dueRows + speed - 1) / speed
    }

    /// Due rows and all rows of each class.
    var shares: [PurgeGuard.Share] {
        DataClass.allCases.map { dataClass in
            let lines = lines.filter { $0.dataClass == dataClass }
            return PurgeGuard.Share(
                dataClass: dataClass, due: lines.reduce(0) { $0 + $1.dueRows },
                total: lines.reduce(0) { $0 + $1.totalRows })
        }
    }

    /// `plan.csv`.
    public var table: Table {
        Table(
            name: "plan", title: erasing.map { "Erasure of \($0.name)" } ?? "Retention plan as of \(asOf)",
            note: "What would go now, what a hold keeps, what is not due, and what has no instant and is never due.",
            columns: [
                Column("account", .text), Column("data_class", .text), Column("retention_days", .integer),
                Column("cutoff", .instant), Column("action", .text), Column("due_rows", .integer),
                Column("held_rows", .integer), Column("kept_rows", .integer), Column("undated_rows", .integer),
                Column("oldest", .instant), Column("newest_due", .instant),
            ],
            rows: lines.map { line in
                [
                    .text(line.account), .text(line.dataClass.rawValue), .integer(line.retentionDays),
                    .instant(line.cutoff), .text(line.dataClass.action.rawValue), .integer(line.dueRows),
                    .integer(line.heldRows), .integer(line.keptRows), .integer(line.undatedRows),
                    line.oldest.map(Cell.instant) ?? .empty, line.newestDue.map(Cell.instant) ?? .empty,
                ]
            })
    }

    /// The bytes of `plan.csv`.
    public var csv: [UInt8] { CSVEncoder.encode(table) }

    /// SHA-256 of `plan.csv`.
    public var digest: String { SHA256Digest.hex(csv) }
}

/// What a plan says of one account and class of data.
public struct PlanLine: Sendable, Hashable {
    /// Empty for owners without an account, and for rows of nobody.
    public let account: String
    public let dataClass: DataClass
    public let retentionDays: Int64
    public let cutoff: Instant
    /// Rows to go now.
    public let dueRows: Int64
    /// Rows that would be due but for a hold.
    public let heldRows: Int64
    /// Rows that are not due, or redacted already.
    public let keptRows: Int64
    /// Rows without an instant: never due.
    public let undatedRows: Int64
    /// The oldest instant of all rows.
    public let oldest: Instant?
    /// The newest instant of the rows to go.
    public let newestDue: Instant?
    /// Bytes that go with them and are not in the database.
    public var dueBytes: Int64 = 0

    /// Every row of the account and class.
    public var totalRows: Int64 { dueRows + heldRows + keptRows + undatedRows }
}

/// Counts a plan.
public struct PlanReader: Sendable {
    private let asOf: CalendarDate?
    private let account: String?
    private let erasure: ErasureRequest?
    private let rests: Bool

    /// - Parameters:
    ///   - asOf: Nil for today, in the database's clock and UTC.
    ///   - erasure: What is to go at once, whatever the policies say; nil for what is due by them.
    ///   - rests: False counts as fast as it can, whoever else is at work.
    public init(
        asOf: CalendarDate? = nil, account: String? = nil, erasure: ErasureRequest? = nil, rests: Bool = true
    ) {
        self.asOf = asOf
        self.account = account
        self.erasure = erasure
        self.rests = rests
    }

    /// Counts in one read-only snapshot.
    ///
    /// Throws `badData` if a column of the tasks can neither be kept nor cleared, and `configuration`
    /// if the database has no tables of the retention yet.
    public func run(_ connection: Connection) async throws -> RetentionPlan {
        try await connection.transaction(.snapshot) { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            return try read(session)
        }
    }

    /// Counts in the session's transaction.
    func read(_ session: Session) throws -> RetentionPlan {
        let today = try session.query(
            "SELECT (transaction_timestamp() AT TIME ZONE 'UTC')::date AS today")
        let date = try asOf ?? today[0].date("today")
        let shape = try DeploymentShape(session)
        try shape.catalog.requireEssentials()
        try PurgeReach.refuseHiddenRows(session)
        try shape.requirePurgeable(session)
        let terms =
            try erasure.map { try Terms(session, asOf: date, erasing: $0, shape) }
            ?? Terms(session, asOf: date, account: account)
        let holdDigest = try Terms.holdDigest(session)
        let rests = try Self.prepareCounting(session, rests: rests)
        var lines: [PlanLine] = []
        for dataClass in terms.classes(shape) {
            lines += try Self.lines(ClassQuery(dataClass, shape), terms, rests, session)
        }
        let months = try WholePartitions.due(session, shape, terms)
        let whole = months.filter(\.mayBeDropped).map(\.name)
        return RetentionPlan(
            asOf: date, account: terms.account, lines: Self.sorted(lines), wholePartitions: whole,
            advice: (VideoFiles.advice(lines) + shape.indexAdvice + shape.redaction.advice
                + (try MonthObstacles.notes(months.map(\.name), session))).map { Remark($0) }
                + (try DetachedMonth.findings(session)),
            obstacles: try Obstacles.find(shape, months: whole, session),
            measuredRowsPerSecond: try Self.measuredSpeed(session), terms: terms,
            holdDigest: holdDigest, holds: try Terms.holdsInForce(session), redactedColumns: shape.redaction.names,
            erasing: try terms.erasure.map { try ErasurePlan($0, shape, session) })
    }

    /// Lets a count of every row take as long as it takes, and the memory of a hash of a million ids. Gives the rests
    /// that it should take: where others are at work, one of the server's processors is enough too.
    @discardableResult
    static func prepareCounting(_ session: Session, rests: Bool = true) throws -> Rests {
        try session.executeScript("SET LOCAL work_mem = '128MB'; SET LOCAL statement_timeout = 0")
        // Rests go by where a row lies, which is another server's matter where rows are distributed.
        guard try rests && Throttle.othersAreAtWork(session) && !session.isDistributed() else { return .none }
        try session.executeScript("SET LOCAL max_parallel_workers_per_gather = 0")
        return .often
    }

    /// The lines of one class.
    static func lines(
        _ all: ClassQuery, _ terms: Terms, _ rests: Rests, _ session: Session
    ) throws -> [PlanLine] {
        let query = all.limited(to: terms.erasure)
        let own = terms.of(query.dataClass).filter { $0.userID != RetentionSession.nobody }
        let limit = terms.account == nil ? "true" : "c.user_id IS NOT NULL"
        // A copy that is gone is none any more: it is not among those of which a share would go.
        let isThere = query.dataClass == .videoFiles ? "NOT (\(query.isDone))" : "true"
        let rows = try session.query(
            """
            SELECT coalesce(x.place, 0) AS place, count(*) AS total,
                count(*) FILTER (WHERE x.is_due AND NOT x.is_held) AS due,
                count(*) FILTER (WHERE x.is_due AND x.is_held) AS held,
                count(*) FILTER (WHERE x.instant IS NULL) AS undated,
                min(x.instant) AS oldest, max(x.instant) FILTER (WHERE x.is_due AND NOT x.is_held) AS newest_due,
                coalesce(sum(x.bytes) FILTER (WHERE x.is_due AND NOT x.is_held), 0)::bigint AS bytes
            FROM (
                SELECT c.place, i.instant, i.is_held, i.bytes,
                    coalesce(
                        NOT i.is_done AND (i.instant < coalesce(c.cutoff, $3::timestamptz) OR i.is_asked), false
                    ) AS is_due
                FROM (
                    SELECT \(query.owner) AS owner, \(query.instant) AS instant, \(query.isDone) AS is_done,
                        \(query.isHeld) AS is_held, \(query.bytes) AS bytes,
                        \(query.isAsked(by: terms.owed)) AS is_asked
                    FROM \(DeploymentShape.table(query.dataClass).fullName) AS r
                    \(query.joins)
                    WHERE \(query.belongs) AND \(isThere) AND \(rests.after("r.ctid", rows: Limits.countRestRows))
                ) AS i
                LEFT JOIN unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS c (user_id, cutoff, place)
                    ON c.user_id = i.owner
                WHERE \(limit)
                OFFSET '0'
            ) AS x
            GROUP BY 1
            """,
            [
                .uuids(own.map(\.userID)), .instants(own.map(\.cutoff)),
                .instant(terms.fallback(query.dataClass)?.cutoff ?? .distantPast),
            ])
        return try rows.compactMap { row in
            let place = Int(try row.int("place"))
            guard let term = place == 0 ? terms.fallback(query.dataClass) : own[place - 1] else { return nil }
            let (due, held, undated) = (try row.int("due"), try row.int("held"), try row.int("undated"))
            return PlanLine(
                account: term.slug, dataClass: query.dataClass, retentionDays: term.retentionDays, cutoff: term.cutoff,
                dueRows: due, heldRows: held, keptRows: try row.int("total") - due - held - undated,
                undatedRows: undated, oldest: try row.optionalInstant("oldest"),
                newestDue: try row.optionalInstant("newest_due"), dueBytes: try row.int("bytes"))
        }
    }

    private static func sorted(_ lines: [PlanLine]) -> [PlanLine] {
        lines.sorted { left, right in
            if left.account != right.account { return NaturalOrder.precedes(left.account, right.account) }
            return left.dataClass.rawValue < right.dataClass.rawValue
        }
    }

    private static func measuredSpeed(_ session: Session) throws -> Int64? {
        let rows = try session.query(
            """
            SELECT (t.taken / greatest(extract(epoch FROM r.finished_at - r.started_at), 0.001))::bigint AS speed
            FROM daybook.purge_run AS r
            CROSS JOIN LATERAL (
                SELECT sum(p.row_count) AS taken FROM daybook.purge_total AS p WHERE p.run_id = r.run_id
            ) AS t
            WHERE r.state = 'finished' AND t.taken > 0 AND \(RunRecord.isPurge)
            ORDER BY r.run_id DESC LIMIT 1
            """)
        return try rows.first?.int("speed")
    }
}
