import ArgumentParser
import Retention

/// `daybook database partitions`
struct PartitionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "partitions",
        abstract: "Keep the monthly partitions of the access log and the ledger four months ahead.",
        discussion: """
            For databases that Daybook made; a deployment's own tables are never converted. Run it every day: an \
            insert never fails for want of a partition, but what waits in the default one cannot be dropped with its \
            month.
            """)

    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let (made, waiting) = try await database.withConnection { try await MonthlyPartitions().ensure($0) }
        for name in made { Terminal.show("made \(name)") }
        if made.isEmpty { Terminal.show("nothing to make") }
        for month in waiting {
            let which = month.month.isEmpty ? "without an instant" : "of \(month.month)"
            Terminal.show("\(month.rows) rows wait in the default partition, \(which)")
        }
    }
}
