import ArgumentParser
import Domain
import Reporting

extension CloseCommand {
    /// `daybook close list`
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "List what was closed and opened again, and check the chain of hashes and every file that was kept.",
            discussion: """
                Exits with 2 if a hash or a file is not what it should be, or a head that was written down is not in \
                the chain any more.
                """)

        @Option(
            help: ArgumentHelp(
                "A head that was written down elsewhere, its line, or an account's hash as SLUG=HASH; may be given "
                    + "again.", valueName: "sha256"))
        var head: [String] = []
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let list = CloseList(written: head)
            let outcome = try await database.withConnection { try await list.run($0) }
            var table = TextTable(
                [
                    "account", "month", "rev", "opening", "closing", "closed at", "by", "chain", "files", "reopened",
                    "hash",
                ], rightAligned: [2, 3, 4])
            for entry in outcome.entries {
                table.add([
                    entry.slug, entry.month, String(entry.revision), String(entry.opening), String(entry.closing),
                    entry.closedAt.description, entry.closedBy, entry.isGenuine ? "ok" : "broken",
                    entry.defect == nil ? "ok" : "altered", entry.reopened ?? "", entry.hash,
                ])
            }
            table.show()
            Terminal.show("Head of the closes: \(outcome.head.digest)")
            for held in outcome.held { Terminal.show("\(held).") }
            for entry in outcome.entries {
                guard let defect = entry.defect else { continue }
                Terminal.show(
                    "The closed month \(entry.month) of \(entry.slug), revision \(entry.revision): \(defect).")
            }
            for lost in outcome.lost { Terminal.show("\(lost).") }
            if !outcome.isGenuine { throw ExitCode(FailureKind.breachExitCode) }
        }
    }
}
