import ArgumentParser
import Domain
import Postgres
import Reporting

/// Whose differences are accepted.
struct AcceptOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Let this account's statement go out although it is not whole; may be given again. Recorded with --reason, "
                + "in the manifest too.", valueName: "slug"))
    var accept: [String] = []

    @Option(help: ArgumentHelp("Why what is not whole is accepted.", valueName: "text"))
    var reason: String?

    func validate() throws {
        guard accept.isEmpty == (reason == nil) else {
            throw ValidationError("--accept and --reason go together.")
        }
    }

    /// Records what was accepted, where something was.
    func record(_ month: Month, _ settings: StatementReport.Settings, _ connection: Connection) async throws {
        guard let reason else { return }
        try await StatementAccepting(month: month, slugs: accept, reason: reason, settings: settings).run(connection)
    }
}
