import ArgumentParser
import Reporting

extension LedgerCommand {
    /// `daybook ledger explain`
    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Explain a credit: from a batch, task or ledger entry to the purchase that paid for it, and back.",
            discussion: """
                Examples:
                  daybook ledger explain 0c7b512f-7337-4718-9033-21add42157ef
                  daybook ledger explain 9007199254741385
                """)

        @Argument(help: "The id of a batch, a task or a ledger entry, or an entry's own reference.")
        var reference: String

        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let explanation = LedgerExplanation(
                definitionFolder: try InstalledFiles.folder("reports"), reference: reference)
            let tables = try await database.withConnection { try await explanation.run($0) }
            for (index, table) in tables.enumerated() {
                if index > 0 { Terminal.show("") }
                Terminal.show(table.title)
                table.show()
            }
        }
    }
}
