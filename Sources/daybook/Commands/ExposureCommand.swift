import ArgumentParser
import BatchEngine
import Domain
import Postgres

/// `daybook exposure`
struct ExposureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exposure",
        abstract: "What is open between the books and the provider.",
        discussion: """
            One line each: unknown, a task of which nobody knows whether the provider took it; named, an id that a \
            callback named and the provider has not borne out; second, a second task that the provider has of one \
            submission; late, a task that was rendered after it had been given up and refunded; held, the credit of a \
            batch that is not settled. "until" is when it ends by itself, at the latest.
            """)

    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let lines = try await database.withConnection { connection in
            try await connection.transaction(.snapshot) { session in
                try EngineSchema.require(session)
                return try Exposure.read(session)
            }
        }
        var table = TextTable(columns: [
            "open", "customer", "batch", "task", "provider's task", .number("credits"), "since", "until", "status",
        ])
        for line in lines {
            table.add([
                line.kind.rawValue, line.customer, line.batchID ?? "", line.taskID ?? "", line.providerTaskID ?? "",
                String(line.credits), line.since.description, line.until?.description ?? "", line.status ?? "",
            ])
        }
        table.show()
    }
}
