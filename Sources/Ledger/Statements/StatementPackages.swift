import Documents
import Domain
import Postgres
import Schema

/// The purchases and grants that a statement lists: of a plan that pays by them those that its month began with or that
/// came in it, and what of each was used; of the other plan those that came.
struct StatementPackages: Sendable {
    struct Row: Sendable {
        /// `purchase`, `bonus_grant`, `adjustment` or `refund`; `returned_bonus` for bonus credit that came back as
        /// purchased credit, which is of no row of its own; empty where its row is so old that it may be carried
        /// forward, and so nothing is said of it but what is left.
        let kind: String
        let entry: Int64?
        /// What it is called on an invoice; empty where nobody says.
        let reference: String
        let bookedAt: Instant?
        let isBonus: Bool
        /// Nil where nothing is said of it.
        let brought: StatementPackage.Amount?
        /// What a month did to it; nil of a plan whose amounts do not come from it.
        let moved: Moved?
        /// Nil for credit that does not expire, and where nobody says.
        let expiresAt: Instant?
    }

    /// What a package held when the month began, what was taken out of it less what came back, and what is left.
    struct Moved: Sendable {
        let opening: StatementPackage.Amount
        let used: StatementPackage.Amount
        let closing: StatementPackage.Amount
    }

    let rows: [Row]

    /// None.
    init() { rows = [] }

    /// Takes them from a book to which every row was posted, and from the database what they are called and when they
    /// expire.
    init(_ book: StatementBook, of subject: StatementAccount, reader: StatementReader) throws {
        let (packages, returned) = StatementPackage.parted(
            book.plan == .prepaid ? book.packages : [],
            bonus: (book.bonus.openingBalance, book.bonus.closingBalance))
        let brought = book.plan == .prepaid ? [] : book.brought
        let details = try reader.packages(packages.map(\.entry) + brought.map(\.id), of: subject)
        let sharedExpiry = Self.sharedExpiry(of: packages, details)
        rows =
            packages.map { package in
                let detail = details[package.entry]
                return Row(
                    kind: detail?.kind ?? "", entry: package.entry,
                    reference: detail?.reference ?? "", bookedAt: detail?.bookedAt, isBonus: package.isBonus,
                    brought: detail == nil ? nil : package.brought,
                    moved: Moved(opening: package.opening, used: package.used, closing: package.closing),
                    expiresAt: package.isBonus ? detail?.lotExpiresAt ?? sharedExpiry : nil)
            }
            + brought.map { entry in
                let detail = details[entry.id]
                let price = entry.type == "purchase" ? entry.price ?? PriceList.price(ofCredits: entry.credits) : .zero
                return Row(
                    kind: StatementReader.PackageDetail.kind(of: entry.type), entry: entry.id,
                    reference: detail?.reference ?? entry.referenceID,
                    bookedAt: entry.postedAt, isBonus: entry.isBonus,
                    brought: StatementPackage.Amount(credits: entry.credits, cost: price), moved: nil,
                    expiresAt: entry.isBonus ? detail?.lotExpiresAt ?? detail?.saidExpiry : nil)
            } + Self.row(returned)
    }

    private static func row(_ returned: StatementPackage.Returned) -> [Row] {
        guard returned.opening != 0 || returned.closing != 0 else { return [] }
        return [
            Row(
                kind: Self.returnedBonus, entry: nil, reference: "", bookedAt: nil, isBonus: false, brought: nil,
                moved: Moved(
                    opening: .free(returned.opening), used: .free(returned.used), closing: .free(returned.closing)),
                expiresAt: nil)
        ]
    }

    /// When the bonus credit of an application expires: each grant extends all of it.
    private static func sharedExpiry(
        of packages: [StatementPackage], _ details: [Int64: StatementReader.PackageDetail]
    ) -> Instant? {
        packages.filter(\.isBonus).compactMap { details[$0.entry]?.saidExpiry }.max()
    }

    /// `packages.csv`, and its sheet.
    func table() -> Table {
        Table(
            name: "packages", title: "Packages",
            note: "Purchases and grants in the order in which their credit is spent. Used is what was taken out less "
                + "what came back, with what expired and what was corrected.",
            columns: [
                Column("kind", .text, width: 14), Column("entry_id", .identifier, width: 20),
                Column("reference", .identifier, width: 26), Column("booked_at", .instant, width: 34),
                Column("credits", .integer), Column("price_usd", .usd, title: "Price USD"),
                Column("opening_credits", .integer), Column("used_credits", .integer),
                Column("closing_credits", .integer), Column("opening_usd", .usd, title: "Opening USD"),
                Column("used_usd", .usd, title: "Used USD"), Column("closing_usd", .usd, title: "Closing USD"),
                Column("expires_at", .instant, width: 34),
            ],
            rows: rows.map { row in
                [
                    .text(row.kind), .text(row.entry.map(String.init) ?? ""), .text(row.reference),
                    row.bookedAt.map(Cell.instant) ?? .empty, .optional(row.brought?.credits),
                    row.brought.map { .dollars($0.cost) } ?? .empty, .optional(row.moved?.opening.credits),
                    .optional(row.moved?.used.credits), .optional(row.moved?.closing.credits),
                    row.moved.map { .dollars($0.opening.cost) } ?? .empty,
                    row.moved.map { .dollars($0.used.cost) } ?? .empty,
                    row.moved.map { .dollars($0.closing.cost) } ?? .empty,
                    row.expiresAt.map(Cell.instant) ?? .empty,
                ]
            })
    }
}

/// As the page shows them.
extension StatementPackages {
    fileprivate static let returnedBonus = "returned_bonus"

    /// The table for people; a plan that does not pay by them has no columns of what was used.
    func pageTable(_ book: StatementBook, clock: LocalClock) -> Table {
        let isPrepaid = book.plan == .prepaid
        let used = [
            Column("opening", .integer, title: "At the start"), Column("used", .integer, title: "Used"),
            Column("left", .integer, title: "Left"), Column("worth", .usd, title: "Worth USD"),
        ]
        let columns =
            [
                Column("package", .text, title: "Package"), Column("reference", .identifier, title: "Invoice"),
                Column("bought", .integer, title: "Credits"), Column("price", .usd, title: "Price USD"),
            ] + (isPrepaid ? used : []) + [Column("expires", .text, title: "Expires")]
        var table = Table(
            name: "packages", title: isPrepaid ? "Packages" : "Purchases and grants",
            note: isPrepaid
                ? "What your credits were bought with, in the order in which they are spent. What was used up before "
                    + "the month is not listed. Used is what was taken out, a batch when it is frozen, less what came "
                    + "back: under the costs above a batch counts when it is settled."
                    + (rows.contains { $0.kind == Self.returnedBonus }
                        ? " Bonus credit that came back after a failure was booked as purchased credit: it costs "
                            + "nothing, and does not expire."
                        : "")
                : "What was booked in the month.", columns: columns)
        table.rows = rows.map { row in
            let moved: [Cell] =
                row.moved.map { package in
                    [
                        .integer(package.opening.credits), .integer(package.used.credits),
                        .integer(package.closing.credits), .text(Self.text(package.closing.cost)),
                    ]
                } ?? []
            let head: [Cell] = [
                .text(Self.name(row, clock: clock)), .text(row.reference), .optional(row.brought?.credits),
                .text(row.brought.map { row.isBonus ? "free" : Self.text($0.cost) } ?? ""),
            ]
            return head + moved + [.text(row.expiresAt.map { StatementWords.day(clock.text($0)) } ?? "never")]
        }
        if isPrepaid, rows.count > 1 { table.rows.append(total) }
        return table
    }

    private var total: [Cell] {
        let moved = rows.compactMap(\.moved)
        func sum(_ value: (Moved) -> Int64) -> Int64 { moved.reduce(0) { $0 + value($1) } }
        return [
            .text(PageRows.total), .empty, .empty, .empty, .integer(sum(\.opening.credits)),
            .integer(sum(\.used.credits)),
            .integer(sum(\.closing.credits)), .text(Self.text(Dollars(micros: sum(\.closing.cost.micros)))), .empty,
        ]
    }

    /// What expires next, in a sentence.
    func expirySentence(_ book: StatementBook, clock: LocalClock) -> String {
        let open = rows.filter { ($0.moved?.closing.credits ?? 0) > 0 }
        func expiring(_ instant: Instant) -> (credits: String, day: String) {
            let credits = open.filter { $0.expiresAt == instant }.reduce(0) { $0 + ($1.moved?.closing.credits ?? 0) }
            return (GroupedNumber.text(credits), StatementWords.day(clock.text(instant)))
        }
        let ends = Set(open.compactMap(\.expiresAt)).sorted()
        let gone = ends.filter { $0 < book.period.end }.map(expiring).map { credits, day in
            "\(credits) bonus credits have expired on \(day), and no entry takes them out yet: they cannot be spent."
        }
        let next = ends.first { $0 >= book.period.end }.map(expiring).map { credits, day in
            "Next to expire: \(credits) bonus credits, on \(day)."
        }
        let rest = gone.isEmpty ? "Nothing of what is left expires." : "Nothing else of what is left expires."
        return (gone + [next ?? (book.plan == .prepaid ? rest : "")]).filter { !$0.isEmpty }.joined(separator: " ")
    }

    private static func name(_ row: Row, clock: LocalClock) -> String {
        let kind =
            switch row.kind {
            case "purchase": "Purchase"
            case "bonus_grant": "Bonus grant"
            case "refund": "Returned"
            case "adjustment": "Adjustment"
            case Self.returnedBonus: "Bonus that came back as purchased credit"
            default: row.isBonus ? "Older bonus" : "Older purchase"
            }
        return row.bookedAt.map { "\(kind), \(StatementWords.day(clock.text($0)))" } ?? kind
    }

    /// In whole cents, half a cent up, without a sign for the currency.
    private static func text(_ amount: Dollars) -> String { StatementWords.cents(amount) }
}

extension StatementPackage.Amount {
    /// Credits that cost nothing.
    fileprivate static func free(_ credits: Int64) -> Self { Self(credits: credits, cost: .zero) }
}

extension StatementReader {
    /// What the row of a purchase or a grant says.
    struct PackageDetail: Sendable {
        let kind: String
        let bookedAt: Instant?
        let reference: String
        /// What an application wrote down; nil where it is no instant.
        let saidExpiry: Instant?
        /// What the engine knows of the credit that the row opened.
        let lotExpiresAt: Instant?

        /// What a row of such a type is to a customer.
        static func kind(of type: String) -> String {
            ["purchase", "bonus_grant", "refund"].contains(type) ? type : "adjustment"
        }
    }

    /// What the API keys of accounts are called, by their ids; none where the login may not read that.
    static func keyNames(
        of accounts: [StatementAccount], _ session: Session, catalog: Catalog
    ) throws -> [String: String] {
        guard catalog.type(of: "name", in: .apiKeys) != nil else { return [:] }
        let may = try session.query(
            "SELECT has_column_privilege('public.enterprise_api_keys', 'name', 'SELECT') AS may")
        guard try may[0].bool("may") else { return [:] }
        let rows = try session.query(
            """
            SELECT id::text AS id, coalesce(name::text, '') AS name FROM public.enterprise_api_keys
            WHERE user_id = ANY ($1) ORDER BY id
            """, [.uuids(accounts.map(\.account.userID))])
        return try rows.reduce(into: [:]) { names, row in
            let name = try row.text("name")
            if !name.isEmpty { names[try row.text("id")] = name }
        }
    }

    /// The rows of an account that brought credit in, by their ids.
    func packages(_ entries: [Int64], of subject: StatementAccount) throws -> [Int64: PackageDetail] {
        guard !entries.isEmpty else { return [:] }
        var details: [Int64: PackageDetail] = [:]
        let values: [String: Value] = [
            "listed_owner": .text(subject.account.userID), "listed_ids": .ints(entries.sorted()),
            "kept_from": .instant(scope.keptFrom),
        ]
        for row in try rows("packages", values) {
            let type = try row.text("type")
            details[try row.int("id")] = PackageDetail(
                kind: PackageDetail.kind(of: type),
                bookedAt: try row.optionalInstant("created_at"), reference: try row.text("reference"),
                saidExpiry: Instant(try row.text("said_expiry")), lotExpiresAt: try row.optionalInstant("expires_at"))
        }
        return details
    }
}
