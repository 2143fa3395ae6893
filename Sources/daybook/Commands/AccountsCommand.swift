import ArgumentParser
import Domain
import Postgres
import Retention
import Schema

/// `daybook accounts …`
struct AccountsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accounts", abstract: "The enterprise customers and their contract terms.",
        subcommands: [Import.self, List.self, Show.self])

    private static let unread =
        "Holds of the registry are not shown: this login may not read daybook.legal_hold. See, as one that may: "
        + "daybook retention hold list"

    /// Every hold that keeps something of an account's, as a line; `holds` is nil where the registry cannot be read.
    private static func holds(of account: Account, _ holds: [HoldInForce]?) -> [String] {
        guard let holds else { return account.legalHold.map { ["accounts.csv: \($0)"] } ?? [] }
        return holds.filter { $0.owner == account.userID }.map(\.description)
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import accounts from CSV: all rows or none. Known accounts are updated, none is removed.",
            discussion: """
                Columns: user_id, slug, name, plan (payg or prepaid), currency (USD), timezone, retention_days (30, \
                90 or 180), monthly_fee_usd, legal_hold; and, if you like, contract_profile, and \
                billing_name, billing_address (lines in quotes), vat_id, billing_email, cc and reference, to whom \
                statements are addressed. A file that leaves legal_hold empty where an account has one is refused, \
                unless --release-holds says why.

                Time zone, plan, currency, fee and profile are terms: the first import holds for all months, a later \
                one from the first month that is not over, or from --from. A month that is over keeps its terms.

                Example:
                  daybook accounts import accounts.csv --dry-run
                """)

        @Argument(
            help: "The file, .csv or .csv.gz; - for standard input.", completion: .file(extensions: ["csv", "gz"]))
        var file: String
        @Option(
            help: ArgumentHelp(
                "Why the legal holds are released that the file does not name any more.", valueName: "reason"))
        var releaseHolds: String?
        @Option(
            help: ArgumentHelp(
                "The first month under the file's terms, for accounts that are there already; not one that is over.",
                valueName: "month"), transform: Arguments.month)
        var from: Month?
        @Flag(help: "Write nothing: say what the import would do, or why it would be refused.")
        var dryRun = false
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            try await Importing.run(
                .accounts, file: file, releaseReason: releaseHolds, termsFrom: from, dryRun: dryRun,
                database: database)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the accounts.")
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let accounts = try await Reading.accounts(database)
            let holds = try await database.withConnection { try await HoldInForce.readable($0) }
            var table = TextTable(columns: [
                "slug", "name", "plan", "time zone", .number("days"), .number("fee USD"), "profile", "legal hold",
            ])
            for account in accounts {
                table.add([
                    account.slug, account.name, account.plan.rawValue, account.timeZone, String(account.retentionDays),
                    account.monthlyFee.description, account.profileName,
                    AccountsCommand.holds(of: account, holds).joined(separator: "; "),
                ])
            }
            table.show()
            if holds == nil { Terminal.show("\n" + AccountsCommand.unread) }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one account.")
        @Argument(help: "The account's slug.") var slug: String
        @OptionGroup(title: "Database") var database: DatabaseOptions

        /// What is known of it: to whom statements are addressed.
        private static func billing(_ billing: AccountBilling) -> [[String]] {
            [
                ["billed to", billing.name], ["address", billing.addressLines.joined(separator: ", ")],
                ["VAT id", billing.vatID], ["mail to", billing.email],
                ["copies to", billing.copies.joined(separator: ", ")], ["reference", billing.reference],
            ].filter { !$0[1].isEmpty }
        }

        func run() async throws {
            let account = try await Reading.account(slug, database)
            let holds = try await database.withConnection { try await HoldInForce.readable($0) }
            var table = TextTable(["term", "value"])
            let named = AccountsCommand.holds(of: account, holds)
            // Where the registry cannot be read, nobody may take the account for free.
            let lines = named.isEmpty ? [holds == nil ? "not known" : "none"] : named
            for row in [
                ["slug", account.slug], ["name", account.name], ["user_id", account.userID],
                ["plan", account.plan.rawValue], ["time zone", account.timeZone],
                ["retention", "\(account.retentionDays) days"], ["monthly fee", "\(account.monthlyFee) USD"],
            ] + Self.billing(account.billing) + lines.map({ ["legal hold", $0] }) + [
                ["contract profile", account.profileName]
            ] { table.add(row) }
            table.show()
            if holds == nil { Terminal.show("\n" + AccountsCommand.unread) }
            guard account.history.count > 1 else { return }
            var terms = TextTable(columns: ["terms from", "plan", "time zone", .number("fee USD"), "profile"])
            for term in account.history {
                terms.add([
                    term.firstMonth?.description ?? "the beginning", term.plan.rawValue, term.timeZone,
                    term.monthlyFee.description, term.profileName,
                ])
            }
            Terminal.show("")
            terms.show()
        }
    }
}
