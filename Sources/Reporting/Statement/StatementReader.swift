import Domain
import Postgres
import Schema

/// Reads everything of the statements in one pass: the accounts in their order, of each the batches and then the rows.
final class StatementReader {
    /// What the wallet of an account says at the snapshot.
    struct Holdings {
        /// Nil where the database has no wallets.
        let wallet: Int64?
        let expiredUnbooked: Int64?
        let email: String
    }

    let scope: StatementScope
    private let batches: GroupedRows<(StatementBatch, StatementBatch.Part?)>
    private let history: GroupedRows<Movement>
    private let entries: GroupedRows<StatementEntry>
    private let holdings: [Int64: Holdings]
    private let sums: [Int64: (total: Int64, prior: PriorLedger)]
    private let clocks: [String: LocalClock]
    private let closes: MonthCloses
    private let session: Session
    private let lateQuery: (String, [Int64]) throws -> BoundQuery

    /// - Parameter feed: What a second connection serves; nil reads everything over this one.
    init(
        scope: StatementScope, session: Session, library: QueryLibrary, catalog: Catalog, feed: RowFeed<Movement>? = nil
    ) throws {
        self.scope = scope
        self.session = session
        closes = MonthCloses(session: session, catalog: catalog)
        lateQuery = { owner, ids in
            let values: [String: Value] = ["late_owner": .text(owner), "late_ids": .ints(ids)]
            return try library.bind("late", catalog: catalog, parameters: values)
        }
        func bound(_ name: String) throws -> BoundQuery {
            try library.bind(name, catalog: catalog, parameters: scope.parameters)
        }
        // The whole result is wanted, not its first rows soon.
        try session.executeScript("SET LOCAL cursor_tuple_fraction = 1.0")
        // The most rows first: a second connection sorts them while this one counts the rest.
        let rows = try bound("history")
        if let feed, try feed.begin(rows, in: session) {
            history = GroupedRows(feed.next)
        } else {
            history = GroupedRows(
                try RowCursor("daybook_history", rows, session: session, decode: Self.movement).fetch)
        }
        let hasWallets = KnownTable.deployment.contains { $0.name == "credit_wallet" && catalog.has($0) }
        var holdings: [Int64: Holdings] = [:]
        let wallets = try bound("wallets")
        for row in try session.query(wallets.sql, wallets.parameters) {
            holdings[try row.int("account")] = Holdings(
                wallet: hasWallets ? try row.int("wallet") : nil,
                expiredUnbooked: hasWallets ? try row.int("expired_unbooked") : nil, email: try row.text("email"))
        }
        self.holdings = holdings
        let totals = try bound("sums")
        sums = try Dictionary(
            uniqueKeysWithValues: session.query(totals.sql, totals.parameters).map { row in
                let prior = PriorLedger(balance: try row.int("opening"), bonus: try row.int("opening_bonus"))
                return (try row.int("account"), (try row.int("total"), prior))
            })
        let byNumber = try Self.clocks(try bound("offsets"), session)
        clocks = Dictionary(
            uniqueKeysWithValues: scope.zones.enumerated().compactMap { index, subject in
                byNumber[Int64(index + 1)].map { (subject.account.timeZone, $0) }
            })
        entries = GroupedRows(
            try RowCursor("daybook_entries", try bound("entries"), session: session, decode: Self.entry).fetch)
        batches = GroupedRows(
            try RowCursor("daybook_batches", try bound("batches"), session: session, decode: Self.batch).fetch)
    }

    func holdings(of number: Int64) -> Holdings {
        holdings[number] ?? Holdings(wallet: nil, expiredUnbooked: nil, email: "")
    }

    /// The sum of an account's ledger, and what was there before the month; without rows it comes to nothing.
    func sums(of number: Int64) -> (total: Int64, prior: PriorLedger) {
        sums[number] ?? (0, PriorLedger(balance: 0, bonus: 0))
    }

    func clock(of account: Account) -> LocalClock {
        clocks[account.timeZone] ?? LocalClock(changes: [(.distantPast, 0)])
    }

    /// The batches of an account, each once with all its models.
    func batches(of number: Int64) throws -> [StatementBatch] {
        var result: [StatementBatch] = []
        while let (batch, part) = try batches.next(of: number) {
            if result.last?.id != batch.id { result.append(batch) }
            if let part { result[result.count - 1].parts.append(part) }
        }
        return result
    }

    /// The rows of an account, in their order.
    func forEachEntry(of number: Int64, _ body: (StatementEntry) throws -> Void) throws {
        while let entry = try entries.next(of: number) { try body(entry) }
    }

    /// The rows before the month of an account that needs them, in their order.
    func forEachMovement(of number: Int64, _ body: (Movement) throws -> Void) throws {
        while let movement = try history.next(of: number) { try body(movement) }
    }

    /// The ids of the rows that an account's closed months had; none where nothing was closed.
    func closedIDs(of subject: StatementAccount) throws -> Set<Int64> {
        guard let ledger = subject.ledger else { return [] }
        return try closes.entryIDs(of: subject.account.userID, through: ledger.month)
    }

    /// Rows of an account as a statement lists them, in their order.
    func entries(_ ids: [Int64], of subject: StatementAccount) throws -> [StatementEntry] {
        guard !ids.isEmpty else { return [] }
        let query = try lateQuery(subject.account.userID, ids)
        var result: [StatementEntry] = []
        try session.forEachRow(query.sql, query.parameters) { result.append(try Self.entry($0)) }
        return result
    }

    private static func clocks(_ query: BoundQuery, _ session: Session) throws -> [Int64: LocalClock] {
        var changes: [Int64: [(from: Instant, seconds: Int64)]] = [:]
        for row in try session.query(query.sql, query.parameters) {
            changes[try row.int("number"), default: []].append((try row.instant("from_at"), try row.int("seconds")))
        }
        return changes.mapValues { LocalClock(changes: $0) }
    }

    private static func batch(_ row: borrowing RowView) throws -> (StatementBatch, StatementBatch.Part?) {
        let batch = StatementBatch(
            id: try row.text(1), requestID: try row.text(2), createdAt: try row.optionalInstant(3),
            settledAt: try row.optionalInstant(4), status: try row.text(5))
        guard let model = try row.optionalText(6) else { return (batch, nil) }
        return (
            batch,
            StatementBatch.Part(
                model: model, items: try row.int(7), succeeded: try row.int(8), failed: try row.int(9),
                delivered: try row.int(10), succeededByEnd: try row.int(11), failedByEnd: try row.int(12))
        )
    }

    static func movement(_ row: borrowing RowView) throws -> Movement {
        let what = try row.int(4)
        guard let kind = Movement.Kind(rawValue: what & 3) else {
            throw DaybookError.badData("history.sql gives the kind \(what), which no movement has.")
        }
        return Movement(
            entry: try row.int(1), postedAt: try row.instant(2), kind: kind, isBonus: what & 4 != 0,
            isCarriedForward: what & 8 != 0, credits: try row.int(3), batch: try row.optionalText(5) ?? "",
            model: try row.optionalText(6) ?? "", price: try row.optionalInt(7).map { Dollars(micros: $0) })
    }

    private static func entry(_ row: borrowing RowView) throws -> StatementEntry {
        StatementEntry(
            id: try row.int(1), postedAt: try row.optionalInstant(2), type: try row.text(3), model: try row.text(4),
            bucket: try row.text(5), credits: try row.int(6), referenceType: try row.text(7),
            referenceID: try row.text(8), price: try row.optionalInt(9).map { Dollars(micros: $0) },
            reason: try row.text(10))
    }
}
