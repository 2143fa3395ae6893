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

    /// What the ledger of an account comes to.
    struct Sums {
        var total: Int64 = 0
        /// Of it, before the month.
        var opening: Int64 = 0
        /// Of that, bonus credit.
        var openingBonus: Int64 = 0
        /// Purchases before the month that have no price.
        var unpriced: Int64 = 0
    }

    /// A row of batches.sql: a batch, and what the row says of it.
    typealias BatchRow = (batch: StatementBatch, part: BatchPart)

    enum BatchPart: Sendable {
        case none
        case tasks(StatementBatch.Part)
        /// Moved before the month.
        case earlier(model: String, frozen: Int64, refunded: Int64)
    }

    let scope: StatementScope
    private let batches: GroupedRows<BatchRow>
    private let history: GroupedRows<Movement>
    private let entries: GroupedRows<StatementEntry>
    private let holdings: [Int64: Holdings]
    private let sums: [Int64: Sums]
    private let clocks: [String: LocalClock]
    private let closes: MonthCloses
    private let session: Session
    private let bind: (String, [String: Value]) throws -> BoundQuery

    /// Settings of every connection that reads statements: the whole result is wanted, not its first rows soon; and the
    /// connections share the server's processors among themselves.
    static let settings = "SET LOCAL cursor_tuple_fraction = 1.0; SET LOCAL max_parallel_workers_per_gather = 0"
    /// Those of the longest sort, of narrow rows: it is quicker within the processor's cache than in more memory.
    static let historySettings = settings + "; SET LOCAL work_mem = '32MB'"

    /// What further connections serve. Without them everything is read over one.
    struct Feeds: Sendable {
        var history: RowFeed<Movement>?
        var batches: RowFeed<BatchRow>?
        var entries: RowFeed<StatementEntry>?

        /// Nobody reads any more.
        func stop() {
            history?.stop()
            batches?.stop()
            entries?.stop()
        }
    }

    init(
        scope: StatementScope, session: Session, library: QueryLibrary, catalog: Catalog, feeds: Feeds
    ) throws {
        self.scope = scope
        self.session = session
        closes = MonthCloses(session: session, catalog: catalog)
        bind = { try library.bind($0, catalog: catalog, parameters: $1) }
        func bound(_ name: String) throws -> BoundQuery {
            try library.bind(name, catalog: catalog, parameters: scope.parameters)
        }
        try session.executeScript(Self.settings)
        func rows<Value>(
            _ name: String, _ feed: RowFeed<Value>?, _ decode: @escaping (borrowing RowView) throws -> Value
        ) throws -> GroupedRows<Value> {
            let query = try bound(name)
            if let feed, try feed.begin(query, in: session) { return GroupedRows(feed.next) }
            return GroupedRows(try RowCursor("daybook_\(name)", query, session: session, decode: decode).fetch)
        }
        // What takes longest begins first, and is worked out elsewhere while this connection adds up. The history comes
        // after the sums, which read the same rows: a server of two processors has no third one for it.
        batches = try rows("batches", feeds.batches, Self.batch)
        entries = try rows("entries", feeds.entries, Self.entry)
        let hasWallets = KnownTable.deployment.contains { $0.name == "credit_wallet" && catalog.has($0) }
        var holdings: [Int64: Holdings] = [:]
        for row in try bound("wallets").rows(session) {
            holdings[try row.int("account")] = Holdings(
                wallet: hasWallets ? try row.int("wallet") : nil,
                expiredUnbooked: hasWallets ? try row.int("expired_unbooked") : nil, email: try row.text("email"))
        }
        self.holdings = holdings
        sums = try Dictionary(
            uniqueKeysWithValues: bound("sums").rows(session).map { row in
                let sums = Sums(
                    total: try row.int("total"), opening: try row.int("opening"),
                    openingBonus: try row.int("opening_bonus"), unpriced: try row.int("unpriced"))
                return (try row.int("account"), sums)
            })
        history = try rows("history", feeds.history, Self.movement)
        let byNumber = try Self.clocks(try bound("offsets"), session)
        clocks = Dictionary(
            uniqueKeysWithValues: scope.zones.enumerated().compactMap { index, subject in
                byNumber[Int64(index + 1)].map { (subject.account.timeZone, $0) }
            })
    }

    func holdings(of number: Int64) -> Holdings {
        holdings[number] ?? Holdings(wallet: nil, expiredUnbooked: nil, email: "")
    }

    /// Without rows everything is 0.
    func sums(of number: Int64) -> Sums { sums[number] ?? Sums() }

    func clock(of account: Account) -> LocalClock {
        clocks[account.timeZone] ?? LocalClock(changes: [(.distantPast, 0)])
    }

    /// The batches of an account, each once with all its models and with what it moved before the month, where the
    /// account's history does not say that.
    func batches(of number: Int64) throws -> [StatementBatch] {
        var result: [StatementBatch] = []
        try batches.forEach(of: number) { batch, part in
            if result.last?.id != batch.id { result.append(batch) }
            let last = result.count - 1
            switch part {
            case .none: break
            case .tasks(let tasks): result[last].parts.append(tasks)
            // After the tasks, because those know the model better.
            case .earlier(let model, let frozen, let refunded):
                result[last].postBefore(frozen: frozen, refunded: refunded, model: model)
            }
        }
        return result
    }

    /// The rows of an account's month, in their order.
    func forEachEntry(of number: Int64, _ body: (StatementEntry) throws -> Void) throws {
        try entries.forEach(of: number, body)
    }

    /// The rows before the month of an account that needs them, in their order.
    func forEachMovement(of number: Int64, _ body: (Movement) throws -> Void) throws {
        try history.forEach(of: number, body)
    }

    /// The rows that an account's closed months had; none where nothing was closed.
    func closedRows(of subject: StatementAccount) throws -> ClosedRows {
        guard let ledger = subject.ledger else { return ClosedRows() }
        return try closes.rows(of: subject.account.userID, through: ledger.month)
    }

    /// Rows of an account as a statement lists them, in their order.
    func entries(_ ids: [Int64], of subject: StatementAccount) throws -> [StatementEntry] {
        guard !ids.isEmpty else { return [] }
        return try entries("late", ["listed_owner": .text(subject.account.userID), "listed_ids": .ints(ids)])
    }

    /// The purchases of an account before its month that have no price, in their order.
    func unpricedPurchases(of subject: StatementAccount) throws -> [StatementEntry] {
        try entries(
            "unpriced",
            ["listed_owner": .text(subject.account.userID), "listed_before": .instant(subject.known.start)])
    }

    /// What the ledger has of references that may be those of single videos, by the end of an account's month.
    func charges(_ references: [String], of subject: StatementAccount) throws -> [SingleVideos.Charge] {
        guard !references.isEmpty else { return [] }
        let values: [String: Value] = [
            "listed_owner": .text(subject.account.userID), "listed_references": .texts(references),
            "listed_start": .instant(subject.known.start), "listed_end": .instant(subject.known.end),
        ]
        return try bind("singles", values).rows(session).map { row in
            SingleVideos.Charge(
                reference: try row.text("reference"), model: try row.text("model"),
                rowsBefore: try row.int("rows_before"), isReturnedBefore: try row.bool("is_returned_before"))
        }
    }

    private func entries(_ name: String, _ values: [String: Value]) throws -> [StatementEntry] {
        var result: [StatementEntry] = []
        try bind(name, values).forEachRow(session) { result.append(try Self.entry($0)) }
        return result
    }

    private static func clocks(_ query: BoundQuery, _ session: Session) throws -> [Int64: LocalClock] {
        var changes: [Int64: [(from: Instant, seconds: Int64)]] = [:]
        for row in try query.rows(session) {
            changes[try row.int("number"), default: []].append((try row.instant("from_at"), try row.int("seconds")))
        }
        return changes.mapValues { LocalClock(changes: $0) }
    }

    static func batch(_ row: borrowing RowView) throws -> BatchRow {
        let batch = StatementBatch(
            id: try row.text(1), requestID: try row.text(2), createdAt: try row.optionalInstant(3),
            settledAt: try row.optionalInstant(4), isSettlementEstimated: try row.bool(15), status: try row.text(5))
        guard let model = try row.optionalText(6) else { return (batch, .none) }
        let items = try row.int(7)
        guard items > 0 else {
            return (batch, .earlier(model: model, frozen: try row.int(13), refunded: try row.int(14)))
        }
        let part = StatementBatch.Part(
            model: model, items: items, succeeded: try row.int(8), failed: try row.int(9), cost: try row.int(16),
            delivered: try row.int(10), succeededByEnd: try row.int(11), failedByEnd: try row.int(12))
        return (batch, .tasks(part))
    }

    private static func batchReference(
        _ row: borrowing RowView, of reference: Movement.Reference
    ) throws -> BatchReference? {
        switch reference {
        case .none: nil
        // Nobody can give back what has no reference.
        case .single: try row.optionalText(5).map { BatchReference(single: $0) }
        case .freeze, .refund:
            try BatchReference(canonicalUUID: row.bytes(5)) ?? BatchReference(row.optionalText(5) ?? "")
        }
    }

    static func movement(_ row: borrowing RowView) throws -> Movement {
        let what = try row.int(4)
        guard let reference = Movement.Reference(rawValue: what & 3) else {
            throw DaybookError.badData("history.sql gives the reference \(what & 3), which no movement has.")
        }
        return Movement(
            entry: try row.int(1), postedAt: try row.instant(2), reference: reference, isPurchase: what & 16 != 0,
            isBonus: what & 4 != 0, isCarriedForward: what & 8 != 0, credits: try row.int(3),
            batch: try batchReference(row, of: reference), model: try row.optionalText(6) ?? "",
            price: try row.optionalInt(7).map { Dollars(micros: $0) })
    }

    static func entry(_ row: borrowing RowView) throws -> StatementEntry {
        StatementEntry(
            id: try row.int(1), postedAt: try row.optionalInstant(2), type: try row.text(3), model: try row.text(4),
            bucket: try row.text(5), credits: try row.int(6), referenceType: try row.text(7),
            referenceID: try row.text(8), price: try row.optionalInt(9).map { Dollars(micros: $0) },
            reason: try row.text(10))
    }
}
