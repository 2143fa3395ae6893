import Domain
import Formats
public import Postgres
public import Schema

/// Prices of purchases whose ledger rows do not name them, from a file: all of them or none.
public struct PriceImport: Sendable {
    public struct Outcome: Sendable, Hashable {
        public let read: Int
        public let added: Int
    }

    private struct Told {
        let entry: Int64
        let price: Dollars
        let line: Int
    }

    private let file: ImportFile

    /// - Parameter file: CSV with the columns entry_id and usd.
    public init(file: ImportFile) {
        self.file = file
    }

    /// Records the prices in one transaction. The same prices again change nothing.
    ///
    /// Throws `badData`, with the line, for what is no price or no purchase, for another price than the one that is
    /// known, and for a purchase whose credit closed months have drawn on.
    public func run(_ connection: Connection) async throws -> Outcome {
        let told = try read()
        return try await connection.transaction(MonthClosing.options) { session in
            // No month closes between the look at the closed months and the price.
            try MonthClosing.prepare(session)
            let catalog = try Catalog(session)
            try catalog.requireEssentials()
            guard KnownTable.own.contains(where: { $0.name == "ledger_price" && catalog.has($0) }) else {
                throw LedgerRefusal.missingTable("daybook.ledger_price")
            }
            let new = try unknown(told, session, catalog)
            for (userID, prices) in new.sorted(by: { $0.key < $1.key }) {
                try refuseStated(prices, of: userID, session, catalog)
            }
            let added = new.flatMap { userID, prices in prices.map { (userID, $0) } }
            // Also for none: who may not write here is told so.
            try session.execute(
                """
                INSERT INTO daybook.ledger_price (user_id, entry_id, usd)
                SELECT p.user_id, p.entry_id, p.micros::numeric / 1000000
                FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS p (user_id, entry_id, micros)
                """,
                [.uuids(added.map(\.0)), .ints(added.map(\.1.entry)), .ints(added.map(\.1.price.micros))])
            try SettlementCapture.run(session, catalog: catalog, owners: Array(new.keys))
            return Outcome(read: told.count, added: new.reduce(0) { $0 + $1.value.count })
        }
    }

    private func refuse(_ line: Int, _ what: String) -> DaybookError {
        .badData("\(file.path), line \(line): \(what); nothing was imported.")
    }

    private func read() throws -> [Told] {
        var header: [String]?
        var told: [Told] = []
        var lines: [Int64: Int] = [:]
        try file.records { record in
            let line = record.first?.line ?? 0
            guard let names = header else {
                header = record.map(\.text)
                guard Set(record.map(\.text)) == ["entry_id", "usd"], record.count == 2 else {
                    throw refuse(line, "the columns must be entry_id and usd")
                }
                return
            }
            guard record.count == 2 else { throw refuse(line, "the row has \(record.count) fields, the header 2") }
            let cells = Dictionary(zip(names, record.map(\.text))) { first, _ in first }
            guard let entry = Int64(cells["entry_id"] ?? ""), Limits.identifiers.contains(entry) else {
                throw refuse(line, "entry_id is not the id of a ledger entry, which is a number from 1 on")
            }
            guard let micros = FixedPoint.parse(cells["usd"] ?? "", places: 6),
                (0...Limits.toldPriceMicros).contains(micros)
            else {
                throw refuse(
                    line,
                    "usd is not a price from 0 to \(Dollars(micros: Limits.toldPriceMicros)) with at most six "
                        + "decimals, such as 2000.00")
            }
            if let other = lines[entry] { throw refuse(line, "the entry \(entry) stands on line \(other) too") }
            lines[entry] = line
            told.append(Told(entry: entry, price: Dollars(micros: micros), line: line))
        }
        guard header != nil else { throw DaybookError.badData("\(file.path) is empty; it needs a header row.") }
        return told
    }

    /// The prices that are not known yet, by owner.
    private func unknown(_ told: [Told], _ session: Session, _ catalog: Catalog) throws -> [String: [Told]] {
        let rows = try session.query(
            """
            SELECT r.id, r.user_id::text AS user_id, coalesce(r.type, '') AS type, r.credits_delta::bigint AS credits,
                r.price_micros
            FROM (\(SharedSource.ledgerRow.select(catalog))) AS r WHERE r.id = ANY ($1) ORDER BY r.id
            """, [.ints(told.map(\.entry))])
        let known = try Dictionary(grouping: rows) { try $0.int("id") }
        var new: [String: [Told]] = [:]
        for price in told {
            guard let row = known[price.entry]?.first else {
                throw refuse(price.line, "there is no ledger entry \(price.entry)")
            }
            guard try row.text("type") == "purchase", try row.int("credits") > 0 else {
                throw refuse(price.line, "the entry \(price.entry) is no purchase")
            }
            guard let micros = try row.optionalInt("price_micros") else {
                new[try row.text("user_id"), default: []].append(price)
                continue
            }
            guard micros == price.price.micros else {
                throw refuse(
                    price.line,
                    "the entry \(price.entry) cost \(Dollars(micros: micros)) USD already, not \(price.price)")
            }
        }
        return new
    }

    /// Refuses a price for credit that closed months have drawn on: their costs were stated without it.
    private func refuseStated(
        _ prices: [Told], of userID: String, _ session: Session, _ catalog: Catalog
    ) throws {
        let closed = try MonthCloses(session: session, catalog: catalog).rows(of: userID)
        guard !closed.closes.isEmpty else { return }
        let carried = try CarriedLedger(session, catalog: catalog, owners: [userID])
        var costs = carried?.costBook(of: userID) ?? CostBook()
        var months: [Int64: Set<String>] = [:]
        for entry in closed.ordered(try entries(of: userID, session, catalog)) {
            costs.post(entry.movement(model: entry.model))
            guard let month = closed.month(of: entry)?.description else { continue }
            for source in costs.drawnEntries { months[source, default: []].insert(month) }
        }
        for price in prices {
            guard let stated = months[price.entry] else { continue }
            throw LedgerRefusal.priceOfDrawnCredit(
                file: file.path, line: price.line, entry: price.entry, months: stated.sorted())
        }
    }

    private func entries(of userID: String, _ session: Session, _ catalog: Catalog) throws -> [StatementEntry] {
        try session.query(
            """
            SELECT l.id, l.created_at, coalesce(l.type, '') AS type, coalesce(l.model, '') AS model,
                l.bucket, l.credits_delta::bigint AS credits,
                coalesce(l.ref_type, '') AS ref_type, coalesce(l.ref_id, '') AS ref_id, l.price_micros
            FROM (\(SharedSource.ledgerRow.select(catalog))) AS l
            WHERE l.user_id = $1 AND l.created_at IS NOT NULL ORDER BY l.created_at, l.id
            """, [.uuid(userID)]
        ).map { row in
            StatementEntry(
                id: try row.int("id"), postedAt: try row.optionalInstant("created_at"), type: try row.text("type"),
                model: try row.text("model"), bucket: try row.text("bucket"), credits: try row.int("credits"),
                referenceType: try row.text("ref_type"), referenceID: try row.text("ref_id"),
                price: try row.optionalInt("price_micros").map { Dollars(micros: $0) })
        }
    }
}
