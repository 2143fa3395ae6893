import ArgumentParser
import Postgres
import Schema

/// `daybook availability …`
struct AvailabilityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "availability", abstract: "Probes of the service, and the maintenance that was announced.",
        subcommands: [Import.self, List.self, ProbeCommand.self, Maintenance.self])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import probes from CSV: all rows or none. A probe that is there already is left as it is.",
            discussion:
                "Columns: probed_at (an instant with an offset), target, ok (true or false), latency_ms (may be empty)."
        )

        @Argument(
            help: "The file, .csv or .csv.gz; - for standard input.", completion: .file(extensions: ["csv", "gz"]))
        var file: String
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws { try await Importing.run(.probes, file: file, database: database) }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the probed targets, with how much is known of them.")
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            var table = TextTable(columns: ["target", .number("probes"), .number("failed"), "first", "last"])
            let rows = try await Reading.texts(
                database,
                """
                SELECT target, count(*), count(*) FILTER (WHERE NOT ok), min(probed_at), max(probed_at)
                FROM daybook.probe GROUP BY target ORDER BY target COLLATE "C"
                """)
            for row in rows { table.add(row) }
            table.show()
            let silent = try await database.withConnection { connection in
                var options = TransactionOptions.snapshot
                // A standby knows no more than it has replayed.
                options.notesReplay = true
                return try await connection.transaction(options) { session in
                    try SilentProber.find(session, Catalog(session), now: session.snapshotInstant())
                }
            }
            for silent in silent { Terminal.say("daybook: \(silent.sentence)") }
        }
    }

    struct Maintenance: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Maintenance windows as they were announced.", subcommands: [Import.self, List.self])

        struct Import: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Import maintenance windows from CSV: all rows or none.",
                discussion: "Columns: starts_at, ends_at, reason, announced_at (instants with an offset).")

            @Argument(
                help: "The file, .csv or .csv.gz; - for standard input.", completion: .file(extensions: ["csv", "gz"]))
            var file: String
            @OptionGroup(title: "Database") var database: DatabaseOptions

            func run() async throws { try await Importing.run(.maintenance, file: file, database: database) }
        }

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "List the maintenance windows.")
            @OptionGroup(title: "Database") var database: DatabaseOptions

            func run() async throws {
                var table = TextTable(["starts", "ends", "announced", "reason"])
                let rows = try await Reading.texts(
                    database,
                    "SELECT starts_at, ends_at, announced_at, reason FROM daybook.maintenance_window ORDER BY 1, 2, 3")
                for row in rows { table.add(row) }
                table.show()
            }
        }
    }
}

/// `daybook outages …`
struct OutagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outages", abstract: "Recorded outages of the video provider, by model, with their evidence.",
        subcommands: [Import.self, List.self])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import provider outages from CSV: all rows or none.",
            discussion: "Columns: model, starts_at, ends_at (instants with an offset), evidence.")

        @Argument(
            help: "The file, .csv or .csv.gz; - for standard input.", completion: .file(extensions: ["csv", "gz"]))
        var file: String
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws { try await Importing.run(.outages, file: file, database: database) }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the recorded outages.")
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            var table = TextTable(["model", "starts", "ends", "evidence"])
            let rows = try await Reading.texts(
                database, "SELECT model, starts_at, ends_at, evidence FROM daybook.provider_outage ORDER BY 1, 2, 3")
            for row in rows { table.add(row) }
            table.show()
        }
    }
}
