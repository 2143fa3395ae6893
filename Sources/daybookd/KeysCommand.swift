import ArgumentParser
import BatchEngine
import Console
import Domain
import Foundation
import Postgres

/// `daybookd keys …`
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "The keys of the Batch API.",
        subcommands: [Create.self, List.self, Show.self, Usage.self, Revoke.self, Adopt.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key and print it: it is not to be had again, only its hash is kept.",
            discussion: """
                Examples:
                  daybookd keys create --account customer1 --name production
                  daybookd keys create --account customer1 --name dashboard --scope read --expires 2027-01-01
                  daybookd keys create --account customer1 --name servers --allow-from 192.0.2.0/24 \\
                    --allow-from 2001:db8::/48
                  daybookd keys create --account customer7 --name trial --pilot --bonus 500 \\
                    --bonus-expires 2027-01-01 --expires 2027-01-01
                """)

        @Option(help: ArgumentHelp("Whose key it is to be: an account.", valueName: "slug")) var account: String?
        @Option(help: ArgumentHelp("Whose key it is to be: a user without an account.", valueName: "uuid"))
        var user: String?
        @Option(help: "What the key is for.") var name: String
        @Flag(help: "A key to try things out: batches of at most \(Limits.pilotItems) items.") var pilot = false
        @Option(
            parsing: .unconditional,
            help: ArgumentHelp("With --pilot: credits given away, booked together with the key.", valueName: "n"),
            transform: WholeNumber.within(Limits.bookedCredits))
        var bonus: Int64?
        @Option(
            help: ArgumentHelp(
                "When that bonus expires, an instant or a date (its midnight in UTC); without it never.",
                valueName: "instant"), transform: InstantOption.read)
        var bonusExpires: Instant?
        @Option(
            help: ArgumentHelp("What the key may do: read, write, or both, which is the default.", valueName: "scopes"),
            transform: Self.scopes)
        var scope = Set(KeyScope.allCases)
        @Option(
            help: ArgumentHelp(
                "From where the key may be used: an address or a network, such as 192.0.2.0/24; may be given several "
                    + "times. Default: everywhere.", valueName: "network"), transform: { try InternetNetwork($0) })
        var allowFrom: [InternetNetwork] = []
        @Option(
            help: ArgumentHelp(
                "When the key ends, an instant or a date (its midnight in UTC); without it never.",
                valueName: "instant"), transform: InstantOption.read)
        var expires: Instant?
        @Option(
            parsing: .unconditional,
            help: ArgumentHelp(
                "Items of one batch, at most. Default: \(Limits.batchItems), with --pilot \(Limits.pilotItems)."),
            transform: WholeNumber.within(1...Limits.batchItems))
        var itemsLimit: Int?
        @Option(
            parsing: .unconditional, help: "Requests a minute. Default: 60.",
            transform: WholeNumber.within(Limits.ratesPerMinute))
        var rateLimit: Int64 = 60
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func validate() throws {
            guard bonus == nil || pilot else {
                throw ValidationError("--bonus goes with --pilot; book other credit with: daybook credits grant")
            }
            guard bonusExpires == nil || bonus != nil else { throw ValidationError("--bonus-expires needs --bonus.") }
        }

        func run() async throws {
            let owner = try owner()
            let terms = Keys.Terms(
                name: name, kind: pilot ? .pilot : .live, rateLimitPerMinute: rateLimit, maxItems: itemsLimit,
                scopes: scope, networks: allowFrom, expiresAt: expires)
            let grant = bonus.map { CreditBooking.Kind.grant(credits: $0, expiresAt: bonusExpires) }
            let key = try await database.withConnection { connection in
                try await connection.transaction { session in
                    try EngineSchema.require(session)
                    let made = try Keys.create(for: owner, terms, session)
                    if let grant {
                        let booking = try CreditBooking(
                            kind: grant, reference: "pilot key \(made.keyID)", author: NSUserName(),
                            reason: "bonus of a pilot")
                        _ = try CreditBook(session).book(booking, for: made.userID)
                    }
                    return made.key
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

        @Sendable private static func scopes(_ text: String) throws -> Set<KeyScope> {
            let words = text.split(separator: ",", omittingEmptySubsequences: false)
            let scopes = words.compactMap { KeyScope(rawValue: $0.filter { !$0.isWhitespace }) }
            guard scopes.count == words.count else {
                throw DaybookError.usage("it must be read, write, or read,write")
            }
            return Set(scopes)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the keys; of each only its beginning is known.",
            discussion: """
                Of the kind clear are those that an application keeps in its table as they are, and that work; take \
                them over with: daybookd keys adopt
                """)
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let keys = try await database.reading { try Keys.list($0) }
            var table = TextTable(
                [
                    "key", "kind", "customer", "name", "scopes", "from", "a minute", "items", "expires", "last used",
                    "revoked", "id",
                ], rightAligned: [6, 7])
            for key in keys {
                table.add([
                    key.prefix, key.kind.rawValue, key.account ?? key.userID, key.name, key.scopeWords,
                    key.networks.isEmpty ? "" : "\(key.networks.count) network\(key.networks.count == 1 ? "" : "s")",
                    String(key.rateLimitPerMinute),
                    String(key.maxItems), key.expiryWords, key.lastUsedAt?.description ?? "never",
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

extension DatabaseOptions {
    /// What a database with the engine says at one moment.
    func reading<Result: Sendable>(_ body: @escaping @Sendable (Session) throws -> Result) async throws -> Result {
        try await withConnection { connection in
            try await connection.transaction(.snapshot) { session in
                try EngineSchema.require(session)
                return try body(session)
            }
        }
    }
}

extension Keys.Listing {
    var scopeWords: String { scopes.map(\.rawValue).joined(separator: ",") }
    var expiryWords: String { expiresAt.map { isExpired ? "\($0), it has" : "\($0)" } ?? "" }
}
