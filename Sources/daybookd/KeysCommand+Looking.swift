import ArgumentParser
import BatchEngine
import Console
import Domain
import Postgres
import Schema

/// The last days that a command tells of.
struct UsageDays: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How many days of UTC, today's included. Default: 30.", valueName: "n"),
        transform: WholeNumber.within(Limits.usageDays))
    var days: Int64 = 30
}

extension KeysCommand {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What is known of one key: what it may do, and what it was used for by day.",
            discussion: """
                A server writes uses about once a minute. The address of the last use is forgotten after 30 days.
                """)

        @Argument(help: "The key's id, or its beginning as the list shows it.") var key: String
        @OptionGroup var days: UsageDays
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let (name, days) = (key, days.days)
            let (key, usage) = try await database.reading { session in
                let key = try Keys.find(name, session)
                return (key, try Keys.usage(of: key.keyID, days: days, session))
            }
            var table = TextTable(["", ""])
            let state = key.revokedAt.map { "revoked at \($0)" } ?? (key.isExpired ? "expired" : "in use")
            let lines = [
                ("key", key.prefix.isEmpty ? "" : "\(key.prefix)…"), ("id", key.keyID), ("kind", key.kind.rawValue),
                ("state", state), ("customer", key.account ?? ""), ("user", key.userID), ("name", key.name),
                ("may", key.scopeWords),
                ("from", key.networks.isEmpty ? "everywhere" : key.networks.joined(separator: ", ")),
                ("requests a minute", String(key.rateLimitPerMinute)), ("items of a batch", String(key.maxItems)),
                ("made", key.createdAt?.description ?? ""), ("expires", key.expiresAt?.description ?? "never"),
                ("last used", key.lastUsedAt?.description ?? "never"), ("from there", key.lastUsedFrom ?? ""),
            ]
            for (name, value) in lines where !value.isEmpty { table.add([name, value]) }
            for line in table.lines.dropFirst(2) { Terminal.show(line) }
            Terminal.show("")
            guard !usage.isEmpty else {
                Terminal.show("no calls on the last \(days) days")
                return
            }
            var calls = TextTable(["day", "call", "calls", "errors", "last"], rightAligned: [2, 3])
            for line in usage { calls.add([line.day.description] + line.words) }
            calls.show()
        }
    }

    struct Usage: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Who used which key for what on which day: calls, and those that were refused or failed.",
            discussion: """
                Counted by the servers. What an application beside them logged itself in its request log stands here \
                too, without errors: that log does not say. 
                """)

        @Option(help: ArgumentHelp("The keys of one account.", valueName: "slug")) var account: String?
        @OptionGroup var days: UsageDays
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let (slug, days) = (account, days.days)
            let (keys, usage) = try await database.reading { session in
                let userID = try slug.map { try AccountNames(session).require($0).userID }
                let usage = try Keys.usage(of: nil, days: days, session)
                return (try Keys.list(session), usage.filter { userID == nil || $0.userID == userID })
            }
            let known = Dictionary(keys.map { ($0.keyID, $0) }) { first, _ in first }
            var table = TextTable(
                ["day", "customer", "key", "name", "call", "calls", "errors", "last"], rightAligned: [5, 6])
            for line in usage {
                let key = known[line.keyID]
                table.add(
                    [
                        line.day.description, key.map { $0.account ?? $0.userID } ?? line.userID,
                        key?.prefix ?? line.keyID, key?.name ?? "",
                    ] + line.words)
            }
            table.show()
        }
    }

    struct Adopt: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take over the keys that an application keeps in clear: they go on working by their hashes.",
            discussion: """
                Each key of enterprise_api_keys works as before with daybookd, at the same limit of requests; in the \
                table its text is replaced by words that let nobody in, and it is switched off there: the \
                application itself knows it no more. So this comes when its own door is closed, and there is no way \
                back but from a backup. Keys that were switched off are kept as revoked. A key that the table cannot \
                let go is listed with the reason and stays as it is (exit code 2). Running it again takes what has \
                come since.
                """)

        @Flag(help: "Say what would become of each key, and change nothing.") var dryRun = false
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let adoption = KeyAdoption(isTrial: dryRun)
            let lines = try await database.withConnection { connection in
                try await connection.run { try $0.requireWritable() }
                return try await adoption.run(connection)
            }
            guard !lines.isEmpty else {
                Terminal.show("no key is kept in clear")
                return
            }
            var table = TextTable(["key", "customer", "name", "outcome", "remark", "id"])
            for line in lines {
                table.add([
                    line.prefix, line.account ?? line.userID, line.name, line.outcomeWords, line.remark, line.keyID,
                ])
            }
            table.show()
            let refused = lines.count { $0.isRefused }
            Terminal.show("")
            Terminal.show(
                "\(dryRun ? "would be taken over" : "taken over"): \(lines.count - refused) keys; left in clear: "
                    + "\(refused)" + (dryRun ? "; nothing was changed" : ""))
            if refused > 0 { throw ExitCode(FailureKind.breachExitCode) }
        }
    }
}

extension Keys.Usage {
    fileprivate var words: [String] {
        [endpoint, String(calls), errors.map { String($0) } ?? "", lastAt.description]
    }
}

extension KeyAdoption.Line {
    fileprivate var isRefused: Bool { if case .refused = outcome { true } else { false } }

    fileprivate var outcomeWords: String {
        switch outcome {
        case .adopted: "works by its hash"
        case .adoptedRevoked: "revoked"
        case .refused: "stays in clear"
        }
    }

    fileprivate var remark: String {
        if case .refused(let what) = outcome { return "the table refuses the change: \(what)" }
        return isWeak ? "so short that its hash can be guessed: give out another" : ""
    }
}
