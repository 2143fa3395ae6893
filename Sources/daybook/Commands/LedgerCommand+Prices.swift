import ArgumentParser
import Reporting
import Schema

extension LedgerCommand {
    /// `daybook ledger prices …`
    struct Prices: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What purchases cost whose ledger rows do not say it.", subcommands: [Import.self])

        struct Import: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Import prices of purchases from CSV: all rows or none.",
                discussion: """
                    Columns: entry_id, usd. A price is told once: the same again changes nothing, another one is \
                    refused, as is one of a purchase whose credit a closed month has drawn on.
                    """)

            @Argument(
                help: "The file, .csv or .csv.gz; - for standard input.", completion: .file(extensions: ["csv", "gz"]))
            var file: String
            @OptionGroup(title: "Database") var database: DatabaseOptions

            func run() async throws {
                let prices = PriceImport(file: ImportFile(path: file))
                let outcome = try await database.withConnection { try await prices.run($0) }
                Terminal.show(
                    "prices: \(outcome.read) rows read, \(outcome.added) added, "
                        + "\(outcome.read - outcome.added) already there")
            }
        }
    }
}
