import ArgumentParser
import Console

/// The command line of the service.
struct Daybookd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daybookd",
        abstract: "Serves the Batch API, and keeps its keys.",
        discussion: """
            The database is named as for daybook: --database, DATABASE_URL, libpq's own environment, or the private \
            server. It has to have the engine's schema: daybook database migrate.

            A first look:
              daybook database migrate
              daybook accounts import accounts.csv
              daybookd keys create --account northlight --name production
              daybookd serve

            Exit codes are those of daybook.
            """,
        version: Version.current,
        subcommands: [ServeCommand.self, KeysCommand.self])
}
