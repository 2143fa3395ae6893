import ArgumentParser
import Digests
import Reporting

/// `daybook report check`
struct CheckStatementCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check a statement that you were given: whether it is genuine and adds up.",
        discussion: """
            Needs no database. Recomputes the sums, the balances, the digests, the chain and the signature, and says \
            in one line what came of it. Exits with 65 and the reason where the statement is refused.

            Example:
              daybook report check statement-customer5-2026-10 --key daybook.pub
            """)

    @Argument(
        help: "The folder with manifest.json; workbook and page are looked for beside it.", completion: .directory)
    var folder: String

    @Option(help: ArgumentHelp("The public key that must have signed it.", valueName: "file"))
    var key: String?

    func run() async throws {
        let check = StatementCheck(folder: folder, trusted: try key.map(KeyFile.verifyingKey))
        let outcome = try check.run()
        Terminal.show(outcome.sentence)
        for note in outcome.notes { Terminal.say("daybook: \(note)") }
    }
}
