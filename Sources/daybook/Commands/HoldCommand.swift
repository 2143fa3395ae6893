import ArgumentParser
import Domain
import Retention

/// `daybook retention hold …`
struct HoldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Legal holds: what no purge may touch.",
        subcommands: [Add.self, Release.self, List.self])

    /// A record of a hold, or of an erasure, has to say something.
    static func require(_ text: String, _ option: String) throws {
        guard !text.allSatisfy(\.isWhitespace), text.count <= Limits.remarkLength else {
            throw ValidationError("\(option) needs a text of at most \(Limits.remarkLength) characters.")
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hold an account, a batch or a video. When it returns, no purge deletes what it covers.")

        @Option(help: ArgumentHelp("What it is about.", valueName: "text")) var matter: String
        @Option(help: ArgumentHelp("Who asked for it.", valueName: "name")) var requestedBy: String
        @Option(help: ArgumentHelp("An account's slug, or the id of an owner without one.", valueName: "slug"))
        var account: String?
        @Option(help: ArgumentHelp("A batch's id.", valueName: "id")) var batch: String?
        @Option(help: ArgumentHelp("A video's id.", valueName: "id")) var video: String?
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func validate() throws {
            guard [account, batch, video].compactMap(\.self).count == 1 else {
                throw ValidationError("Name one of --account, --batch and --video.")
            }
            for (text, what) in [(matter, "--matter"), (requestedBy, "--requested-by")] {
                try HoldCommand.require(text, what)
            }
        }

        func run() async throws {
            let scope: Holds.Scope
            if let account {
                scope = .account(account)
            } else if let batch {
                scope = .batch(batch)
            } else {
                scope = .video(video ?? "")
            }
            let number = try await database.withConnection {
                try await Holds().place(scope, matter: matter, requestedBy: requestedBy, $0)
            }
            Terminal.show("hold \(number) is in force")
        }
    }

    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Release a hold. Its record stays.")

        @Argument(help: "The hold's number.", transform: WholeNumber.within(Limits.identifiers)) var number: Int64
        @Option(help: ArgumentHelp("Why it is released.", valueName: "text")) var reason: String
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func validate() throws {
            try HoldCommand.require(reason, "--reason")
        }

        func run() async throws {
            try await database.withConnection { try await Holds().release(number, reason: reason, $0) }
            Terminal.show("hold \(number) is released")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the holds, those of accounts.csv among them, and those that were released.")

        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let rows = try await Reading.texts(
                database,
                """
                SELECT number::text, scope, reference, matter, requested_by, placed_at, released_at, release_reason
                FROM (
                    SELECT h.hold_id AS number, h.scope,
                        coalesce(a.slug, h.user_id::text, h.batch_id::text, h.video_id::text) AS reference,
                        h.matter, h.requested_by, h.placed_at, h.released_at, h.release_reason
                    FROM daybook.legal_hold AS h LEFT JOIN daybook.account AS a ON a.user_id = h.user_id
                    UNION ALL
                    SELECT NULL, 'account', slug, legal_hold, 'accounts.csv', imported_at, NULL, NULL
                    FROM daybook.account WHERE legal_hold <> ''
                ) AS listed
                ORDER BY number NULLS FIRST, reference COLLATE "C"
                """)
            var table = TextTable(columns: [
                .name("hold"), "scope", "reference", "matter", "asked by", "placed", "released", "reason",
            ])
            for row in rows { table.add(row) }
            table.show()
        }
    }
}
