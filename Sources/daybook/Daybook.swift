import ArgumentParser
// Every command has a database and prints something, so every file of this program sees the module.
@_exported import Console
import Documents
import Domain
import Spreadsheet

/// The command line of Daybook.
struct Daybook: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daybook",
        abstract: "Keeps the books of a batch video service: SLA reports, and what they stand on.",
        discussion: """
            With no database named, daybook keeps a private PostgreSQL server of its own. With --database, \
            DATABASE_URL or libpq's own environment (PGHOST, PGSERVICE, …) it reads yours, and a report changes \
            nothing in it.

            A first look:
              daybook database migrate
              daybook accounts import accounts.csv
              daybook report sla --month 2026-10

            Exit codes: 0 done, 1 failed, 2 done and a promise is broken (with --strict), 64 wrong use, 65 wrong \
            data, 69 database unavailable, 73 cannot write, 75 try again, 78 wrong configuration, 130 interrupted.
            """,
        version: Version.current,
        subcommands: [
            ReportCommand.self, DatabaseCommand.self, AccountsCommand.self, ProfilesCommand.self,
            AvailabilityCommand.self,
            OutagesCommand.self, CreditsCommand.self, LedgerCommand.self, ExposureCommand.self, ProviderCommand.self,
            CloseCommand.self, MonthCommand.self, ServiceLevelCommand.self, RetentionCommand.self, KeysCommand.self,
            LetterCommand.self,
            StatusCommand.self,
        ])
}

@main
enum Main {
    static func main() async {
        MemoryArenas.limitToProcessors()
        await Program.run(Daybook.self) { error in
            (error as? SpreadsheetError).map { DaybookError(.output, $0.sentence) } ?? Refusals.failure(of: error)
        }
    }
}
