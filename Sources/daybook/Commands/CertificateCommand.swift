import ArgumentParser
import Domain
import Retention

/// `daybook retention certificate`
struct CertificateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "certificate",
        abstract: "Extract what the certificates say of one customer, to be handed over: it names nobody else.",
        discussion: """
            The extract holds the customer's parts, and what proves that the certificates contain them. Whoever has it \
            checks it without a database, with your public key or a head of the chain that you gave away:
              daybook retention verify --extract FILE --key statement.key.pub

            Examples:
              daybook retention certificate --account customer9 --output customer9.json
              daybook retention certificate --account customer9 --run 3 > customer9-run-3.json
            """)

    @Option(help: ArgumentHelp("The account's slug.", valueName: "slug")) var account: String
    @Option(
        name: .customLong("run"), help: ArgumentHelp("Only certificates about this purge.", valueName: "number"),
        transform: WholeNumber.within(Limits.identifiers))
    var number: Int64?
    @Option(
        name: .shortAndLong, help: ArgumentHelp("The file to write. Default: standard output.", valueName: "file"))
    var output: String?
    @OptionGroup var permissions: ModeOption
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let extraction = Extraction(account: account, run: number)
        let outcome = try await database.withConnection { try await extraction.run($0) }
        for remark in outcome.remarks { Terminal.say("daybook: \(remark)") }
        try OutputFile.write(outcome.document, to: output, mode: permissions.mode)
    }
}
