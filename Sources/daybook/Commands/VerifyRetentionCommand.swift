import ArgumentParser
import Domain
import Retention

/// `daybook retention verify`
struct VerifyRetentionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Walk the chain of certificates, recompute every digest, and ask again whether anything due is left.",
        discussion: "Exits with 2 if anything is not as it was certified, and names it.")

    @Option(
        help: ArgumentHelp(
            "The digest that must head the chain, as it was written down elsewhere.", valueName: "sha256"))
    var head: String?
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let outcome = try await database.withConnection { try await Verification().run($0) }
        var findings = outcome.findings.map { [$0.subject, $0.what] }
        if let head, head.lowercased() != outcome.head {
            findings.append(["the chain", "its head is not \(head)"])
        }
        Terminal.show("\(outcome.certificates) certificates and \(outcome.archivedFiles) archived files were checked.")
        Terminal.show("Head of the chain: \(outcome.head)")
        guard !findings.isEmpty else {
            Terminal.show("Everything is as it was certified, and nothing due is left.")
            return
        }
        var table = TextTable(["subject", "what is wrong"])
        for finding in findings { table.add(finding) }
        table.show()
        throw ExitCode(FailureKind.breachExitCode)
    }
}
