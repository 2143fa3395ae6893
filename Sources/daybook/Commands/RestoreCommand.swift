import ArgumentParser
import Domain
import Retention

/// `daybook retention restore`
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Put the rows of an archive back, all or none.",
        discussion: """
            MANIFEST is manifest.json of a run's archive. Every file is verified first. With --into the rows go to \
            tables of their own, NAME_CLASS, and nothing else changes.

            Rows that were put back are due again tonight: place a hold first.
            """)

    @Argument(help: "manifest.json of the archive.", completion: .file(extensions: ["json"])) var manifest: String
    @Option(help: ArgumentHelp("Put the rows into tables whose names begin so.", valueName: "name")) var into: String?
    @Option(help: ArgumentHelp("The file of the archive's key.", valueName: "file")) var keyFile: String?
    @OptionGroup(title: "Certificates") var certificate: CertificateOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let restoration = try Restoration(
            manifest: CertificateOptions.absolute(manifest), into: into, keyFile: keyFile,
            templates: try certificate.templateSet(), certificates: certificate.folder,
            programVersion: Version.current, host: Host.name)
        let outcome = try await database.withConnection { connection in
            try await restoration.run(connection, tell: Terminal.say)
        }
        Terminal.show(
            "\(outcome.rows) rows of purge \(outcome.run) were put back into \(outcome.tables.joined(separator: ", "))")
        for file in outcome.files { Terminal.show(file) }
    }
}

/// `daybook retention expire-archives`
struct ExpireArchivesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expire-archives", abstract: "Destroy the archives whose time is over, and certify that.")

    @OptionGroup(title: "Certificates") var certificate: CertificateOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let expiry = ArchiveExpiry(
            templates: try certificate.templateSet(), certificates: certificate.folder, programVersion: Version.current,
            host: Host.name)
        let outcome = try await database.withConnection { connection in
            try await expiry.run(connection, tell: Terminal.say)
        }
        Terminal.show(
            outcome.runs.isEmpty
                ? "No archive is past its end."
                : outcome.runs.map { "The archive of purge \($0) was destroyed." }.joined(separator: "\n"))
        for file in outcome.files { Terminal.show(file) }
    }
}
