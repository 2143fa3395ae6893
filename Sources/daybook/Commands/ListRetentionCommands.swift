import ArgumentParser
import Documents
import Domain
import Reporting
import Retention

/// `daybook retention list`
struct ListRetentionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what is on record: runs, certificates, archives and looks into them; or what was taken.",
        discussion: """
            Examples:
              daybook retention list
              daybook retention list --taken --since 2026-01-01
              daybook retention list --taken --account customer9 --format csv > customer9.csv
            """)

    /// The forms of the list.
    enum Form: String, ExpressibleByArgument, CaseIterable {
        case table, csv, json
    }

    @Flag(help: "List what was taken instead: from whom, of which class, under which days.") var taken = false
    @Option(
        help: ArgumentHelp("Only what began at this date or later, in UTC (2026-01-01).", valueName: "date"),
        transform: Arguments.date)
    var since: CalendarDate?
    @Option(help: ArgumentHelp("Only what took something from this account.", valueName: "slug")) var account: String?
    @Option(help: "The form of the list.") var format = Form.table
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let (list, taken) = (RetentionList(since: since, account: account), taken)
        let outcome = try await database.withConnection {
            taken ? try await list.taken($0) : try await list.records($0)
        }
        switch format {
        case .csv: try OutputFile.write(CSVEncoder.encode(outcome.table), to: nil, mode: .ownerOnly)
        case .json: try OutputFile.write(outcome.table.json, to: nil, mode: .ownerOnly)
        case .table:
            if taken {
                outcome.table.withoutEmptyColumns.show()
            } else {
                show(outcome.table)
            }
            Terminal.show("Head of the chain: \(outcome.head.digest)")
        }
    }

    /// Each kind of record by itself, with the columns that it has.
    private func show(_ table: Table) {
        for (record, title) in [
            ("run", "Runs"), ("certificate", "Certificates"), ("archive", "Archives"), ("look", "Looks into archives"),
        ] {
            let part = table.part(where: "record", is: record)
            guard !part.rows.isEmpty else { continue }
            Terminal.show(title)
            part.withoutEmptyColumns.show()
            Terminal.show("")
        }
    }
}

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
