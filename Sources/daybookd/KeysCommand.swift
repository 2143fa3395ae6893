import ArgumentParser
import BatchEngine
import Console
import Domain
import Foundation
import Postgres

/// `daybookd keys …`
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "The keys of the Batch API.", subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key and print it: it is not to be had again, only its hash is kept.")

        @Option(help: ArgumentHelp("Whose key it is to be: an account.", valueName: "slug")) var account: String?
        @Option(help: ArgumentHelp("Whose key it is to be: a user without an account.", valueName: "uuid"))
        var user: String?
        @Option(help: "What the key is for.") var name: String
        @Option(
            parsing: .unconditional,
            help: "Items of one batch, at most: a pilot has 50. Default: \(Limits.batchItems).",
            transform: WholeNumber.within(1...Limits.batchItems))
        var itemsLimit = Limits.batchItems
        @Option(
            parsing: .unconditional, help: "Requests a minute. Default: 60.",
            transform: WholeNumber.within(Limits.ratesPerMinute))
        var rateLimit: Int64 = 60
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let owner = try owner()
            let terms = Keys.Terms(name: name, rateLimitPerMinute: rateLimit, maxItems: itemsLimit)
            let key = try await database.withConnection { connection in
                try await connection.transaction { session in
                    try EngineSchema.require(session)
                    return try Keys.create(for: owner, terms, session)
                }
            }
            Terminal.show(key.text)
            Terminal.say("daybookd: this is the only time that the key is shown; its beginning is \(key.displayPrefix)")
        }

        private func owner() throws -> Keys.Owner {
            switch (account, user) {
            case (let slug?, nil): return .account(slug: slug)
            case (nil, let text?):
                guard let id = UUID(uuidString: text) else {
                    throw DaybookError.usage("--user takes a UUID, not \"\(text)\".")
                }
                return .user(id: id.uuidString.lowercased())
            default: throw DaybookError.usage("Name the customer with either --account or --user.")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the keys; of each only its beginning is known.")
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let keys = try await database.withConnection { connection in
                try await connection.transaction(.snapshot) { session in
                    try EngineSchema.require(session)
                    return try Keys.list(session)
                }
            }
            var table = TextTable(
                ["key", "customer", "name", "a minute", "items", "created", "last used", "revoked", "id"],
                rightAligned: [3, 4])
            for key in keys {
                table.add([
                    key.prefix, key.account ?? key.userID, key.name, String(key.rateLimitPerMinute),
                    String(key.maxItems), key.createdAt.description, key.lastUsedAt?.description ?? "never",
                    key.revokedAt?.description ?? "", key.keyID,
                ])
            }
            table.show()
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a key, at once and for good.")
        @Argument(help: "The key's id, or its beginning as the list shows it.") var key: String
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let key = key
            let isNew = try await database.withConnection { connection in
                try await connection.transaction { session in
                    try EngineSchema.require(session)
                    return try Keys.revoke(key, session)
                }
            }
            Terminal.show(isNew ? "revoked" : "was revoked before")
        }
    }
}
