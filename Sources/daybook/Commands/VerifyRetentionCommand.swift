import ArgumentParser
import Digests
import Domain
import Reporting
import Retention

/// `daybook retention verify`
struct VerifyRetentionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Walk the chain of certificates, recompute every digest, and look for what was due and is left.",
        discussion: "Exits with 2 if anything is not as it was certified, and names it.")

    @Option(
        help: ArgumentHelp(
            "A head of the chain that was written down elsewhere, or its line; may be given again.",
            valueName: "sha256"))
    var head: [String] = []
    @Option(
        help: ArgumentHelp(
            "The public key that must have signed every certificate; given again, one of them.", valueName: "file"))
    var key: [String] = []
    @Option(
        help: ArgumentHelp(
            "A folder with further templates, as the purges had it: the printable pages are rendered again.",
            valueName: "dir"))
    var templates: [String] = []
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let verification = Verification(
            templates: try TemplateSet(folders: [try InstalledFiles.folder("templates")] + templates),
            trusted: try key.map(KeyFile.verifyingKey), written: try head.map { try WrittenHead($0, of: .certificate) },
            programVersion: Version.current)
        let outcome = try await database.withConnection { try await verification.run($0) }
        let findings = outcome.findings.map { [$0.subject, $0.what] }
        Terminal.show(
            Self.count(outcome.certificates, "certificate") + " and "
                + Self.count(outcome.archivedFiles, "archived file") + " were checked.")
        Terminal.show("Head of the chain: \(outcome.head)")
        for held in outcome.held { Terminal.show("\(held).") }
        for (key, count) in outcome.signed.sorted(by: { $0.key < $1.key }) {
            let advice = self.key.isEmpty ? "; compare it with the one that you know, or use --key" : ""
            Terminal.show("\(Self.count(count, "certificate")) signed with the key \(key)\(advice).")
        }
        guard !findings.isEmpty else {
            let residue = outcome.asOf.map { ", and nothing that was due as of \($0) is left" } ?? ""
            Terminal.show("Everything is as it was certified\(residue).")
            return
        }
        var table = TextTable(["subject", "what is wrong"])
        for finding in findings { table.add(finding) }
        table.show()
        throw ExitCode(FailureKind.breachExitCode)
    }

    private static func count(_ number: Int64, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}
