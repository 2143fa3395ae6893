import ArgumentParser
import Codecs
import Reporting

/// `daybook report check`
struct CheckStatementCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check a statement that you were given: whether it is genuine and adds up.",
        discussion: """
            Needs no database. Recomputes the sums, the balances, the digests, the chain and the signature, and says \
            in one line what came of it, and of each file whether it is genuine. Workbook and page are looked for in \
            the folder and beside it, also under the names that a message gave them. Exits with 65 and the reason \
            where the statement is refused.

            Examples:
              daybook report check statement-customer5-2026-10 --key daybook.pub
              daybook report check 'Kranich GmbH 2026-10.zip' --key daybook.pub
            """)

    @Argument(
        help: "The folder with manifest.json, the archive that was mailed, or manifest.json itself.",
        completion: .file())
    var statement: String

    @Argument(help: "Further files that must be of that statement, whatever their names are.", completion: .file())
    var files: [String] = []

    @Option(help: ArgumentHelp("The public key that must have signed it.", valueName: "file"))
    var key: String?

    func run() async throws {
        let check = StatementCheck(statement, further: files, trusted: try key.map(KeyFile.verifyingKey))
        let outcome = try check.run()
        for file in outcome.files { Terminal.say("daybook: \(file.path) \(file.state.rawValue).") }
        for note in outcome.notes { Terminal.say("daybook: \(note)") }
        if let refusal = outcome.refusal { throw refusal }
        Terminal.show(outcome.sentence)
    }
}
