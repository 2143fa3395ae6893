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
            help: ArgumentHelp("An instant with an offset, such as 2026-10-01T00:00:00Z.", valueName: "instant"))
        var at: String?
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let instant = try at.map { text in
                guard let instant = Instant(text) else {
                    throw DaybookError.usage("\"\(text)\" is no instant with an offset, such as 2026-10-01T00:00:00Z.")
                }
                return instant
            }
            if let instant {
                let balance = try await Self.read(database, account) { try $0.balance(of: $1, at: instant) }
                Terminal.show("\(balance) credits at \(instant)")
                return
            }
            let balance = try await Self.read(database, account) { try $0.balance(of: $1) }
            var table = TextTable(["credits", "amount"], rightAligned: [1])
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
            var table = TextTable(
                ["entry", "posted at", "type", "model", "credits", "balance", "reference"], rightAligned: [0, 4, 5])
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
