import ArgumentParser
import Documents
import Domain
import Ledger
import Schema

/// `daybook provider …`
struct ProviderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "provider", abstract: "What the video provider says, against our own books.",
        subcommands: [Match.self])

    struct Match: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare the provider's bill of a month with tasks and ledger, in both directions.",
            discussion: """
                The bill is CSV with the columns provider_task_id, model and usd, one line a task; the model as the \
                books or as the provider names it. Every line is of one class, and the dollars of the classes add up \
                to the file's. Exits with 2 where anything but agreed is found.

                agreed, refunded_but_rendered, rendered_but_not_charged, charged_twice, billed_unknown_id, \
                not_billed (rendered in the month, in UTC, and paid for), model_differs, open (not settled yet).

                Examples:
                  daybook provider match invoice-2026-10.csv --month 2026-10
                  daybook provider match invoice-2026-10.csv --month 2026-10 --format xlsx --output match.xlsx
                """)

        @Argument(
            help: "The bill, .csv or .csv.gz; - for standard input.", completion: .file(extensions: ["csv", "gz"]))
        var file: String

        @Option(
            help: ArgumentHelp(
                "The month of the bill, as 2026-10, or last: the last one that is over.", valueName: "month"),
            transform: MonthChoice.parse)
        var month: MonthChoice

        /// The forms of the comparison.
        enum Form: String, ExpressibleByArgument, CaseIterable {
            case table, csv, json, xlsx

            var output: MatchOutput.Form {
                switch self {
                case .table: .table
                case .csv: .csv
                case .json: .json
                case .xlsx: .xlsx
                }
            }
        }

        @Option(help: "The form.")
        var format = Form.table

        @Option(
            name: .shortAndLong,
            help: ArgumentHelp("The file to write; needed for xlsx. Default: standard output.", valueName: "file"))
        var output: String?

        @OptionGroup var permissions: ModeOption
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func validate() throws {
            guard format != .xlsx || output != nil else { throw ValidationError("--format xlsx needs --output FILE.") }
            try permissions.require(output: output)
        }

        func run() async throws {
            let month = try await month.month(database.settings)
            let bill = try ProviderBill(file: ImportFile(path: file, consequence: "nothing was compared"))
            let match = ProviderMatch(
                definitionFolder: try InstalledFiles.folder("reports"), bill: bill, month: month)
            let place = MatchOutput(form: format.output, path: output, mode: permissions.mode)
            let outcome = try await database.withConnection { try await match.write($0, to: place) }
            if format == .table {
                let text = lines(outcome).joined(separator: "\n") + "\n"
                try OutputFile.write(Array(text.utf8), to: output, mode: permissions.mode)
            } else {
                for line in outcome.table.text.lines { Terminal.say(line) }
            }
            if !outcome.isAgreed { throw ExitCode(FailureKind.breachExitCode) }
        }

        private func lines(_ outcome: MatchOutcome) -> [String] {
            let (table, more) = outcome.shownTable
            let rows = table.rows.isEmpty ? [] : [table.title] + table.withoutEmptyColumns.text.lines + [""]
            let rest = more > 0 ? ["\(more) more rows are in the other forms: --format csv.", ""] : []
            return rows + rest + outcome.table.text.lines
        }
    }
}
