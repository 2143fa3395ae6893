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
        /// What the rows of the month before moved, by the line of its statement.
        var before: [StatementLine: Int64] = [:]
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
    /// Nil where nobody can say.
    private let keys: GroupedRows<(batch: String, key: String)>?
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
        sums = try Self.sums(try bound("sums"), session)
        // Over several servers the request log does not lie beside the batches.
        keys = catalog.isDivided ? nil : try rows("keys", nil, Self.key)
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

    /// The API keys that an account's batches were made with, by batch, as far as that was written down.
    func keys(of number: Int64) throws -> [String: String] {
        var result: [String: String] = [:]
        try keys?.forEach(of: number) { result[$0.batch] = $0.key }
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

    /// The rows of a query of one account.
    func rows(_ name: String, _ values: [String: Value]) throws -> [Row] { try bind(name, values).rows(session) }

    private func entries(_ name: String, _ values: [String: Value]) throws -> [StatementEntry] {
        var result: [StatementEntry] = []
        try bind(name, values).forEachRow(session) { result.append(try Self.entry($0)) }
        return result
    }

    private static func sums(_ query: BoundQuery, _ session: Session) throws -> [Int64: Sums] {
        var sums: [Int64: Sums] = [:]
        for row in try query.rows(session) {
            let account = try row.int("account")
            sums[account, default: Sums()].total += try row.int("total")
            sums[account, default: Sums()].opening += try row.int("opening")
            sums[account, default: Sums()].openingBonus += try row.int("opening_bonus")
            sums[account, default: Sums()].unpriced += try row.int("unpriced")
            if let line = StatementLine(rawValue: try row.text("line")) {
                sums[account, default: Sums()].before[line] = try row.int("total")
            }
        }
        return sums
    }

    static func key(_ row: borrowing RowView) throws -> (batch: String, key: String) {
        (try row.text(1), try row.text(2))
    }

    private static func clocks(_ query: BoundQuery, _ session: Session) throws -> [Int64: LocalClock] {
        var changes: [Int64: [(from: Instant, seconds: Int64)]] = [:]
        for row in try query.rows(session) {
            changes[try row.int("number"), default: []].append((try row.instant("from_at"), try row.int("seconds")))
        }
        return changes.mapValues { LocalClock(changes: $0) }
    }

    /// The columns of batches.sql, in their order.
    private enum BatchColumn: Int {
        case account, id, requestID, createdAt, settledAt, status, model
        case items, succeeded, failed, delivered, succeededByEnd, failedByEnd
        case frozenBefore, refundedBefore, isEstimated, cost
    }

    static func batch(_ row: borrowing RowView) throws -> BatchRow {
        func at(_ column: BatchColumn) -> Int { column.rawValue }
        let batch = StatementBatch(
            id: try row.text(at(.id)), requestID: try row.text(at(.requestID)),
            createdAt: try row.optionalInstant(at(.createdAt)),
            settledAt: try row.optionalInstant(at(.settledAt)),
            isSettlementEstimated: try row.bool(at(.isEstimated)), status: try row.text(at(.status)))
        guard let model = try row.optionalText(at(.model)) else { return (batch, .none) }
        let items = try row.int(at(.items))
        guard items > 0 else {
            let (frozen, refunded) = (try row.int(at(.frozenBefore)), try row.int(at(.refundedBefore)))
            return (batch, .earlier(model: model, frozen: frozen, refunded: refunded))
        }
        let part = StatementBatch.Part(
            model: model, items: items, succeeded: try row.int(at(.succeeded)),
            failed: try row.int(at(.failed)), cost: try row.int(at(.cost)),
            delivered: try row.int(at(.delivered)), succeededByEnd: try row.int(at(.succeededByEnd)),
            failedByEnd: try row.int(at(.failedByEnd)))
        return (batch, .tasks(part))
    }

    /// The columns of history.sql, in their order.
    private enum HistoryColumn: Int {
        case account, id, postedAt, credits, what, batchID, model, price
    }

    /// What a row of history.sql is, a bit for each; the lowest two say what it refers to.
    private struct What: OptionSet {
        let rawValue: Int64
        static let isBonus = What(rawValue: 4)
        static let isCarriedForward = What(rawValue: 8)
        static let isPurchase = What(rawValue: 16)
        var reference: Int64 { rawValue & 3 }
    }

    private static func batchReference(
        _ row: borrowing RowView, of reference: Movement.Reference
    ) throws -> BatchReference? {
        let column = HistoryColumn.batchID.rawValue
        return switch reference {
        case .none: nil
        // Nobody can give back what has no reference.
        case .single: try row.optionalText(column).map { BatchReference(single: $0) }
        case .freeze, .refund:
            try BatchReference(canonicalUUID: row.bytes(column)) ?? BatchReference(row.optionalText(column) ?? "")
        }
    }

    static func movement(_ row: borrowing RowView) throws -> Movement {
        func at(_ column: HistoryColumn) -> Int { column.rawValue }
        let what = What(rawValue: try row.int(at(.what)))
        guard let reference = Movement.Reference(rawValue: what.reference) else {
            throw DaybookError.badData("history.sql gives the reference \(what.reference), which no movement has.")
        }
        return Movement(
            entry: try row.int(at(.id)), postedAt: try row.instant(at(.postedAt)),
            reference: reference, isPurchase: what.contains(.isPurchase),
            isBonus: what.contains(.isBonus), isCarriedForward: what.contains(.isCarriedForward),
            credits: try row.int(at(.credits)), batch: try batchReference(row, of: reference),
            model: try row.optionalText(at(.model)) ?? "",
            price: try row.optionalInt(at(.price)).map { Dollars(micros: $0) })
    }

    /// The columns of entries.sql, late.sql and unpriced.sql, in their order.
    private enum EntryColumn: Int {
        case account, id, postedAt, type, model, bucket, credits, referenceType, referenceID, price, reason
    }

    static func entry(_ row: borrowing RowView) throws -> StatementEntry {
        func at(_ column: EntryColumn) -> Int { column.rawValue }
        return StatementEntry(
            id: try row.int(at(.id)), postedAt: try row.optionalInstant(at(.postedAt)),
            type: try row.text(at(.type)), model: try row.text(at(.model)),
            bucket: try row.text(at(.bucket)), credits: try row.int(at(.credits)),
            referenceType: try row.text(at(.referenceType)),
            referenceID: try row.text(at(.referenceID)),
            price: try row.optionalInt(at(.price)).map { Dollars(micros: $0) },
            reason: try row.text(at(.reason)))
    }
}
