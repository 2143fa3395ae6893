import Domain
import Postgres
import Schema

/// Reads what was closed. A database without the tables has closed nothing.
struct MonthCloses {
    let session: Session
    let exists: Bool

    init(session: Session, catalog: Catalog) {
        self.session = session
        exists = ["month_close", "month_reopen"].allSatisfy { name in
            KnownTable.own.contains { $0.name == name && catalog.has($0) }
        }
    }

    /// The closes that are in force: the newest revision of each month that was not opened again.
    static let current = """
        SELECT c.* FROM daybook.month_close AS c
        WHERE NOT EXISTS (
            SELECT FROM daybook.month_reopen AS r
            WHERE r.user_id = c.user_id AND r.month = c.month AND r.revision = c.revision
        )
        """

    /// Gives every account of a run what its months before the reported one have closed; with it, the month too.
    ///
    /// A month before every closed one gets the first of them: a row that is late for that one stands in the month
    /// after the last closed one, and nowhere else.
    func attach(to scope: inout StatementScope, including month: Bool) throws {
        guard exists else { return }
        let bound = month ? scope.request.month.endDay : scope.request.month.firstDay
        let rows = try session.query(
            """
            WITH closed AS (\(Self.current)), reach AS (
                SELECT user_id, coalesce(max(month) FILTER (WHERE month < $1), min(month)) AS month
                FROM closed GROUP BY user_id
            )
            SELECT c.user_id::text AS user_id, max(c.month) AS month, max(c.period_end) AS period_end,
                max(c.closed_at) AS closed_at, (array_agg(c.hash ORDER BY c.month DESC))[1] AS hash
            FROM closed AS c JOIN reach ON reach.user_id = c.user_id AND c.month <= reach.month
            GROUP BY c.user_id
            """, [.date(bound)])
        var byUser: [String: Row] = [:]
        for row in rows { byUser[try row.text("user_id")] = row }
        for index in scope.accounts.indices {
            let userID = scope.accounts[index].account.userID
            guard let row = byUser[userID] else { continue }
            let ledger = ClosedLedger(
                month: try Self.month(row.date("month")), end: try row.instant("period_end"),
                closedAt: try row.instant("closed_at"), hash: try row.text("hash"))
            if try row.date("month") < bound {
                scope.accounts[index].closed = ledger
            } else {
                scope.accounts[index].firstClose = ledger
            }
        }
    }

    /// Every row that was there when an account's months were closed, up to one of them or all.
    package func rows(of userID: String, through month: Month? = nil) throws -> ClosedRows {
        guard exists else { return ClosedRows() }
        let values: [Value] = [.uuid(userID), month.map { .date($0.firstDay) } ?? .null]
        let closes = try session.query(
            """
            WITH closed AS (\(Self.current))
            SELECT c.month, c.period_end, c.closed_at FROM closed AS c
            WHERE c.user_id = $1 AND ($2::date IS NULL OR c.month <= $2) ORDER BY c.month
            """, values
        ).map { row in
            ClosedRows.Close(
                month: try Self.month(row.date("month")), end: try row.instant("period_end"),
                closedAt: try row.instant("closed_at"))
        }
        var shown: [Int64: Int32] = [:]
        try session.forEachRow(
            """
            WITH closed AS (\(Self.current)), numbered AS (
                SELECT c.entry_ids, row_number() OVER (ORDER BY c.month) - 1 AS place FROM closed AS c
                WHERE c.user_id = $1 AND ($2::date IS NULL OR c.month <= $2)
            )
            SELECT unnest(n.entry_ids), n.place FROM numbered AS n ORDER BY n.place DESC
            """, values
        ) { row in
            let (entry, place) = (try row.int(0), try row.int(1))
            shown[entry] = Int32(clamping: place)
        }
        return ClosedRows(closes: closes, shown: shown)
    }

    /// The accounts that have closed a month, with the revision that is in force, by their ids.
    func revisions(of month: Month) throws -> [String: Int64] {
        guard exists else { return [:] }
        let rows = try session.query(
            """
            WITH closed AS (\(Self.current))
            SELECT c.user_id::text AS user_id, c.revision FROM closed AS c WHERE c.month = $1
            """, [.date(month.firstDay)])
        return try Dictionary(rows.map { (try $0.text("user_id"), try $0.int("revision")) }) { first, second in
            throw LedgerRefusal.closedTwice(month, revisions: [first, second])
        }
    }

    /// The instants up to which accounts have closed a month, by their ids.
    func ends(of month: Month) throws -> [String: Instant] {
        guard exists else { return [:] }
        let rows = try session.query(
            """
            WITH closed AS (\(Self.current))
            SELECT c.user_id::text AS user_id, max(c.period_end) AS period_end FROM closed AS c WHERE c.month = $1
            GROUP BY c.user_id
            """, [.date(month.firstDay)])
        return try Dictionary(
            uniqueKeysWithValues: rows.map { (try $0.text("user_id"), try $0.instant("period_end")) })
    }

    static func month(_ day: CalendarDate) throws -> Month {
        let components = day.components
        guard let month = Month(year: components.year, number: components.month) else {
            throw DaybookError.badData("daybook.month_close names the month \(day), which no report has.")
        }
        return month
    }
}

/// How far an account's ledger is closed.
struct ClosedLedger: Sendable {
    /// The last closed month.
    let month: Month
    /// Its end: what appears with an earlier instant is late.
    let end: Instant
    let closedAt: Instant
    /// Its hash, which the next month's is chained to.
    let hash: String
}

/// The ledger rows of an account that its closed months have, each with the close that showed it first: what decides
/// when a row counts.
struct ClosedRows: Sendable {
    /// A closed month.
    struct Close: Sendable, Hashable {
        let month: Month
        let end: Instant
        let closedAt: Instant
    }

    /// In their order.
    let closes: [Close]
    /// The place of the close, by row.
    private let shown: [Int64: Int32]

    init(closes: [Close] = [], shown: [Int64: Int32] = [:]) {
        self.closes = closes
        self.shown = shown
    }

    func contains(_ id: Int64) -> Bool { shown[id] != nil }

    /// The close that made a row late; nil where it counts at its own instant. A row that appeared after its month was
    /// closed counts at the end of the last month that was closed by then, whatever is closed since.
    func late(_ id: Int64, _ postedAt: Instant) -> Close? {
        let before = shown[id].map { Int($0) } ?? closes.count
        guard before > 0, postedAt < closes[before - 1].end else { return nil }
        return closes[before - 1]
    }

    /// The closed month that a row stands in; nil for one that no closed month has.
    func month(of entry: StatementEntry) -> Month? {
        guard let place = shown[entry.id], let postedAt = entry.postedAt else { return nil }
        // The first close has every row of before.
        let at = late(entry.id, postedAt)?.end ?? postedAt
        return closes.first { at < $0.end }?.month ?? closes[Int(place)].month
    }

    /// Rows in the order in which they count.
    func ordered(_ entries: [StatementEntry]) -> [StatementEntry] {
        guard !closes.isEmpty else { return entries }
        let keys = entries.map { entry -> (Instant, Int) in
            guard let postedAt = entry.postedAt else { return (.distantPast, 1) }
            guard !entry.isCarriedForward, let close = late(entry.id, postedAt) else { return (postedAt, 1) }
            return (close.end, 0)
        }
        return entries.indices.sorted { left, right in
            (keys[left].0, keys[left].1, left) < (keys[right].0, keys[right].1, right)
        }.map { entries[$0] }
    }
}
