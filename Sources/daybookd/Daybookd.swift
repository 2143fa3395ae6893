import ArgumentParser
import Console
import Logging

/// The command line of the service.
struct Daybookd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daybookd",
        abstract: "Serves the Batch API, works off its batches, takes over an application's, and keeps its keys.",
        discussion: """
            The database is named as for daybook: --database, DATABASE_URL, libpq's own environment, or the private \
            server. It has to have the engine's schema: daybook database migrate.

            A first look:
              daybook database migrate
              daybook accounts import accounts.csv
              daybookd keys create --account customer0 --name production
              daybookd serve
              GRSAI_API_KEY=… daybookd work

            All of it at once, against a simulated provider: daybookd demo

            Exit codes are those of daybook.
            """,
        version: Version.current,
        subcommands: [
            ServeCommand.self, WorkCommand.self, AdoptCommand.self, DemoCommand.self, KeysCommand.self,
            WebhooksCommand.self,
        ])
}

@main
enum Main {
    static func main() async {
        // Standard output is for results.
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        await Program.run(Daybookd.self)
    }
}
