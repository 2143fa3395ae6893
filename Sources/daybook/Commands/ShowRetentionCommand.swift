import ArgumentParser
import Domain
import Reporting
import Retention

/// `daybook retention show`
struct ShowRetentionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show what there is of an account, an owner or a video: due when, held by whom, gone in which purge.",
        discussion: """
            first_due_on and last_due_on are the as-of dates from which a purge takes the oldest and the newest row, \
            unless it is held.

            Examples:
              daybook retention show customer9
              daybook retention show 5f3c0b62-52c4-4a4c-9b6e-3d0f0a6f0c11
            """)

    @Argument(help: "The slug of an account, or the id of an owner, a video or its task.") var name: String
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let story = RetentionStory(name)
        let tables = try await database.withConnection { try await story.tables($0) }
        for (index, table) in tables.enumerated() {
            if index > 0 { Terminal.show("") }
            Terminal.show(table.title)
            if table.rows.isEmpty {
                Terminal.show("nothing")
            } else {
                table.show()
            }
        }
    }
}
