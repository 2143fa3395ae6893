import ArgumentParser
import Documents
import Domain
import Formats
import Foundation
import Ledger
import Reporting
import Schema

/// `daybook ledger …`
struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "Check the money, and explain it.",
        subcommands: [
            Verify.self, Explain.self, Receipt.self, Prices.self,
        ])

    /// The forms of the findings.
    enum Form: String, ExpressibleByArgument, CaseIterable {
        case table, csv, json, xlsx
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check every invariant of the money in one snapshot, and name the rows that break it.",
            discussion: """
                Exits with 2 if anything is broken.

                Examples:
                  daybook ledger verify
                  daybook ledger verify --account customer5 --format csv > findings.csv
                  daybook ledger verify --format xlsx --output findings.xlsx
                """)

        @Option(help: ArgumentHelp("Check this account alone.", valueName: "slug"))
        var account: String?

        @Option(help: "The form of the findings.")
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
            let verification = LedgerVerification(
                definitionFolder: try InstalledFiles.folder("reports"), account: account)
            let outcome = try await database.withConnection { try await verification.run($0) }
            try write(outcome)
            if !outcome.findings.isEmpty { throw ExitCode(FailureKind.breachExitCode) }
        }

        private func write(_ outcome: LedgerVerification.Outcome) throws {
            switch format {
            case .xlsx:
                let url = URL(fileURLWithPath: output ?? "findings.xlsx")
                try outcome.writeWorkbook(
                    folder: url.deletingLastPathComponent().path, name: url.lastPathComponent, mode: permissions.mode)
            case .csv: try OutputFile.write(CSVEncoder.encode(outcome.table), to: output, mode: permissions.mode)
            case .json: try OutputFile.write(try outcome.json(), to: output, mode: permissions.mode)
            case .table:
                var table = TextTable(columns: ["finding", "account", "reference", .number("credits"), "detail"])
                for found in outcome.findings {
                    table.add([
                        found.finding, found.account, found.reference, found.credits.map(String.init) ?? "",
                        found.detail,
                    ])
                }
                let text = lines(outcome, table).joined(separator: "\n") + "\n"
                try OutputFile.write(Array(text.utf8), to: output, mode: permissions.mode)
            }
        }

        private func lines(_ outcome: LedgerVerification.Outcome, _ table: TextTable) -> [String] {
            guard !outcome.findings.isEmpty else { return ["The books are whole as of \(outcome.snapshotAt)."] }
            var totals = TextTable(columns: ["finding", .number("rows"), .number("credits at stake"), "what to do"])
            for total in outcome.totals {
                totals.add([
                    total.finding, String(total.count), String(total.credits),
                    LedgerFinding(rawValue: total.finding)?.advice ?? "",
                ])
            }
            let credits = outcome.totals.reduce(0) { $0 + $1.credits }
            return table.lines + [""] + totals.lines
                + ["", "\(outcome.findings.count) findings, \(credits) credits at stake, as of \(outcome.snapshotAt)."]
        }
    }
}

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

extension LedgerCommand {
    /// `daybook ledger receipt`
    struct Receipt: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the settlement receipt of a batch: where every credit that it froze went.",
            discussion: """
                JSON, the same bytes whenever it is asked for once the batch is settled. items = succeeded + failed + \
                cancelled + expired + unknown + open; frozen = charged + refunded + held, for the batch and for \
                every purchase that paid for it. Exits with 2 where that does not hold, and says by how much.

                Examples:
                  daybook ledger receipt 0c7b512f-7337-4718-9033-21add42157ef
                  daybook ledger receipt 0c7b512f-7337-4718-9033-21add42157ef --output receipt.json
                """)

        @Argument(help: "The id of the batch.")
        var batch: String

        @Option(
            name: .shortAndLong,
            help: ArgumentHelp("The file to write. Default: standard output.", valueName: "file"))
        var output: String?

        @OptionGroup var permissions: ModeOption
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func validate() throws { try permissions.require(output: output) }

        func run() async throws {
            let receipt = LedgerReceipt(definitionFolder: try InstalledFiles.folder("reports"), batchID: batch)
            let outcome = try await database.withConnection { try await receipt.run($0) }
            try OutputFile.write(try CanonicalJSON.encode(outcome), to: output, mode: permissions.mode)
            if !outcome.conserved { throw ExitCode(FailureKind.breachExitCode) }
        }
    }
}

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
