import ArgumentParser
import Codecs
import Documents
import Domain
import Reporting
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

/// `daybook retention verify`
struct VerifyRetentionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Walk the chain of certificates, recompute every digest, and look for what was due and is left.",
        discussion: """
            Exits with 2 if anything is not as it was certified, and names it.

            With --extract it checks what daybook retention certificate handed over, without a database.
            """)

    @Option(
        help: ArgumentHelp(
            "Check this extract alone, without a database: with --key, --head or both.", valueName: "file"))
    var extract: String?

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
        if let extract { return try check(extract) }
        let verification = Verification(
            templates: try TemplateSet(folders: [try InstalledFiles.folder("templates")] + templates),
            trusted: try key.map(KeyFile.verifyingKey), written: try head.map { try WrittenHead($0, of: .certificate) },
            programVersion: Version.current)
        let outcome = try await database.withConnection { try await verification.run($0) }
        let findings = outcome.findings.map { [$0.subject, $0.what.words] }
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

    private func check(_ path: String) throws {
        let check = try ExtractCheck(
            try InputFile.bytes(path, atMost: Limits.extractBytes), trusted: try key.map(KeyFile.verifyingKey),
            written: try head.map { try WrittenHead($0, of: .certificate) })
        guard check.findings.isEmpty else {
            var table = TextTable(["subject", "what is wrong"])
            for finding in check.findings { table.add([path, finding]) }
            table.show()
            throw ExitCode(FailureKind.breachExitCode)
        }
        check.table.show()
        Terminal.show("\nHead of the chain: \(check.head)")
        for held in check.held { Terminal.show("\(held).") }
        for key in check.keys { Terminal.show("Signed with the key \(key).") }
        let advice =
            key.isEmpty && head.isEmpty
            ? " That says who issued it only with --key or --head: give the issuer's public key, or a head that you "
                + "know." : ""
        Terminal.show(
            "The certificates say this of \(check.accounts.joined(separator: ", ")), and nothing in the extract was "
                + "altered.\(advice)")
    }

    private static func count(_ number: Int64, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}
