import ArgumentParser
import BatchEngine
import Domain
import Foundation
import Postgres
import Schema

/// `daybook credits …`
struct CreditsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credits", abstract: "The credit of a customer: book it, and look at it.",
        discussion: "For databases with the batch engine: daybook database migrate, on a deployment with --engine.",
        subcommands: [Grant.self, Adjust.self, Balance.self, History.self])

    struct Balance: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What a customer has now, or had at a past instant by the ledger.")

        @Option(help: ArgumentHelp("The account's slug.", valueName: "slug")) var account: String
        @Option(
            help: ArgumentHelp(
                "An instant with an offset, such as 2026-10-01T00:00:00Z, or a date: its midnight in UTC.",
                valueName: "instant"), transform: Arguments.instant)
        var at: Instant?
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            if let instant = at {
                let balance = try await Self.read(database, account) { try $0.balance(of: $1, at: instant) }
                Terminal.show("\(balance) credits at \(instant)")
                return
            }
            let balance = try await Self.read(database, account) { try $0.balance(of: $1) }
            var table = TextTable(columns: ["credits", .number("amount")])
            table.add(["purchased", String(balance.purchased)])
            let expiry = balance.bonusExpiresAt.map { ", the next expire at \($0)" } ?? ""
            table.add(["bonus\(expiry)", String(balance.bonus)])
            if balance.expired > 0 { table.add(["bonus that has expired", String(balance.expired)]) }
            table.add(["available", String(balance.available)])
            table.add(["held in open batches", String(balance.held)])
            table.show()
        }

        static func read<Result: Sendable>(
            _ database: DatabaseOptions, _ slug: String,
            _ body: @escaping @Sendable (CreditBook, String) throws -> Result
        ) async throws -> Result {
            try await database.withConnection { connection in
                try await connection.transaction(.snapshot) { session in
                    // Without the engine no account has any: that is said first.
                    try EngineSchema.require(session)
                    let account = try AccountNames(session).require(slug)
                    try LedgerLock.share(session)
                    return try body(CreditBook(session), account.userID)
                }
            }
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The newest entries of a customer's ledger, each with the balance after it.")

        @Option(help: ArgumentHelp("The account's slug.", valueName: "slug")) var account: String
        @Option(
            parsing: .unconditional, help: ArgumentHelp("How many entries, at most. Default: 50.", valueName: "n"),
            transform: WholeNumber.within(Limits.historyEntries))
        var limit: Int64 = 50
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let limit = limit
            let entries = try await Balance.read(database, account) { try $0.history(of: $1, limit: limit) }
            var table = TextTable(columns: [
                .name("entry"), "posted at", "type", "model", .number("credits"), .number("balance"), "reference",
            ])
            for entry in entries {
                table.add([
                    String(entry.id), entry.postedAt.description, entry.type, entry.model ?? "",
                    String(entry.credits), String(entry.balance),
                    [entry.referenceType, entry.referenceID].compactMap { $0 }.joined(separator: " "),
                ])
            }
            table.show()
        }
    }
}

/// What every booking says: whose, by whom, why, and under which reference.
struct BookingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The account's slug.", valueName: "slug")) var account: String
    @Option(
        help: ArgumentHelp("Invoice, payment or ticket: the same one is never booked twice.", valueName: "text"))
    var reference: String
    @Option(help: ArgumentHelp("Who books it. Default: the name of the user who runs this.", valueName: "name"))
    var author: String = NSUserName()
    @Option(help: ArgumentHelp("Why.", valueName: "text")) var reason: String?

    /// Books in one transaction, and says what came of it.
    func book(_ kind: CreditBooking.Kind, _ database: DatabaseOptions) async throws {
        let booking = try CreditBooking(kind: kind, reference: reference, author: author, reason: reason)
        let slug = account
        let (account, isNew, balance) = try await database.withConnection { connection in
            try await connection.transaction { session in
                // Without the engine no account could book anything: that is said first.
                try EngineSchema.require(session)
                let account = try AccountNames(session).require(slug)
                let book = CreditBook(session)
                let isNew = try book.book(booking, for: account.userID)
                return (account, isNew, try book.balance(of: account.userID))
            }
        }
        let outcome = isNew ? "booked" : "booked before under \"\(booking.reference)\": nothing changed"
        Terminal.show("\(outcome); \(account.slug) has \(balance.available) credits available")
    }
}

extension CreditsCommand {
    struct Grant: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Book credit that a customer bought, or that is given away.",
            discussion: """
                Examples:
                  daybook credits grant --account customer1 --package 5000 --reference INV-2026-117
                  daybook credits grant --account customer1 --credits 12000 --usd 260.50 --reference INV-2026-118
                  daybook credits grant --account customer1 --bonus 500 --reference launch \\
                    --expires 2027-01-01T00:00:00Z

                Packages: 2000 USD are 95,000 credits, 5000 USD 262,500, 10000 USD 575,000. Bought credit never \
                expires; bonus credit may, and never pays for veo-pro.
                """)

        @Option(
            parsing: .unconditional,
            help: ArgumentHelp("A prepaid package: 2000, 5000 or 10000.", valueName: "usd"),
            transform: { text in
                guard let package = Int64(text).flatMap({ CreditPackage(rawValue: $0) }) else {
                    throw DaybookError.usage("there is no such package; choose 2000, 5000 or 10000")
                }
                return package
            })
        var package: CreditPackage?
        @Option(
            parsing: .unconditional, help: ArgumentHelp("Credits bought at a price of their own.", valueName: "n"),
            transform: WholeNumber.within(Limits.bookedCredits))
        var credits: Int64?
        @Option(
            parsing: .unconditional, help: ArgumentHelp("What those credits cost.", valueName: "amount"),
            transform: { text in
                let most = Dollars(micros: Limits.toldPriceMicros)
                guard let price = Dollars(text), (.zero...most).contains(price) else {
                    throw DaybookError.usage(
                        "it must be an amount of dollars from 0 to \(most) with at most six decimals, such as 260.50")
                }
                return price
            })
        var usd: Dollars?
        @Option(
            parsing: .unconditional, help: ArgumentHelp("Credits given away.", valueName: "n"),
            transform: WholeNumber.within(Limits.bookedCredits))
        var bonus: Int64?
        @Option(
            help: ArgumentHelp(
                "When the bonus expires, an instant or a date (its midnight in UTC); without it never.",
                valueName: "instant"), transform: Arguments.instant)
        var expires: Instant?
        @OptionGroup(title: "Booking") var booking: BookingOptions
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws { try await booking.book(try kind(), database) }

        private func kind() throws -> CreditBooking.Kind {
            guard expires == nil || bonus != nil else {
                throw DaybookError.usage("Credit that was bought never expires; --expires goes with --bonus alone.")
            }
            switch (package, credits, usd, bonus) {
            case (let package?, nil, nil, nil):
                return .purchase(credits: package.credits, price: package.price)
            case (nil, let credits?, let usd?, nil):
                return .purchase(credits: credits, price: usd)
            case (nil, nil, nil, let bonus?):
                return .grant(credits: bonus, expiresAt: expires)
            default:
                throw DaybookError.usage(
                    "Say what is booked: --package USD, or --credits N --usd AMOUNT, or --bonus N.")
            }
        }
    }

    struct Adjust: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Correct a customer's credit, up or down, with a reason.",
            discussion: """
                The ledger is only ever added to: a mistake is corrected by an entry of its own, with who and why.
                  daybook credits adjust --account customer1 --by=-250 --reference TICKET-71 --reason "charged twice"
                """)

        @Option(
            parsing: .unconditional,
            help: ArgumentHelp("Credits to add; less than zero takes them out.", valueName: "n"),
            transform: WholeNumber.within(Limits.correctedCredits))
        var by: Int64
        @OptionGroup(title: "Booking") var booking: BookingOptions
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws { try await booking.book(.adjustment(credits: by), database) }
    }
}
