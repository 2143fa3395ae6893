import ArgumentParser
import Schema

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
