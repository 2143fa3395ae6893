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
    private let entries: GroupedRows<StatementEntry>
    private let holdings: [Int64: Holdings]
    private let sums: [Int64: LedgerSums]
    private let clocks: [String: LocalClock]

    /// - Parameter feed: What a second connection serves; nil reads everything over this one.
    init(
        scope: StatementScope, session: Session, library: QueryLibrary, catalog: Catalog,
        feed: RowFeed<StatementEntry>? = nil
    ) throws {
        self.scope = scope
        func bound(_ name: String) throws -> BoundQuery {
            try library.bind(name, catalog: catalog, parameters: scope.parameters)
        }
        // The whole result is wanted, not its first rows soon.
        try session.executeScript("SET LOCAL cursor_tuple_fraction = 1.0")
        // The rows first: a second connection sorts them while this one counts the rest.
        let rows = try bound("entries")
        if let feed, try feed.begin(rows, in: session) {
            entries = GroupedRows(feed.next)
        } else {
            entries = GroupedRows(
                try RowCursor("daybook_entries", rows, session: session, decode: Self.entry).fetch)
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
                let number = try row.int("account")
                let opening = LedgerSums.Opening(
                    balance: try row.int("opening"), bonus: try row.int("opening_bonus"))
                let isCounted = scope.countsRows(scope.accounts[Int(number) - 1])
                return (number, LedgerSums(total: try row.int("total"), opening: isCounted ? nil : opening))
            })
        let byNumber = try Self.clocks(try bound("offsets"), session)
        clocks = Dictionary(
            uniqueKeysWithValues: scope.zones.enumerated().compactMap { index, subject in
                byNumber[Int64(index + 1)].map { (subject.account.timeZone, $0) }
            })
        batches = GroupedRows(
            try RowCursor("daybook_batches", try bound("batches"), session: session, decode: Self.batch).fetch)
    }

    func holdings(of number: Int64) -> Holdings {
        holdings[number] ?? Holdings(wallet: nil, expiredUnbooked: nil, email: "")
    }

    /// What the ledger of an account comes to; without rows it comes to nothing.
    func sums(of number: Int64) -> LedgerSums {
        sums[number] ?? LedgerSums(total: 0, opening: LedgerSums.Opening(balance: 0, bonus: 0))
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

    static func entry(_ row: borrowing RowView) throws -> StatementEntry {
        StatementEntry(
            id: try row.int(1), postedAt: try row.optionalInstant(2), type: try row.text(3), model: try row.text(4),
            bucket: try row.text(5), credits: try row.int(6), referenceType: try row.text(7),
            referenceID: try row.text(8), price: try row.optionalInt(9).map { Dollars(micros: $0) },
            reason: try row.text(10))
    }
}
