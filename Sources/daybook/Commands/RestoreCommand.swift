import ArgumentParser
import Domain
import Retention

/// `daybook retention restore`
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Put the rows of an archive back.",
        discussion: """
            MANIFEST is manifest.json of a run's archive. Every file is verified first. With --into the rows go to \
            tables of their own, NAME_CLASS, and nothing else changes: that is a look into the archive, which is \
            recorded and certified with its --reason, and named by `retention verify` until forget-look has dropped \
            the tables. A redacted row that is in its table no more is \
            named, the others are put back, and the exit code is 2.

            Rows that were put back are due again tonight: place a hold first.
            """)

    @Argument(help: "manifest.json of the archive.", completion: .file(extensions: ["json"])) var manifest: String
    @Option(help: ArgumentHelp("Put the rows into tables whose names begin so.", valueName: "name")) var into: String?
    @Option(help: ArgumentHelp("With --into: why the rows are looked at.", valueName: "text")) var reason: String?
    @Option(
        help: ArgumentHelp(
            "With --into: the last day of the look, in UTC. Default: \(Limits.lookDays) days from today; at most "
                + "\(Limits.mostLookDays).", valueName: "date"), transform: Arguments.date)
    var until: CalendarDate?
    @Option(help: ArgumentHelp("The file of the archive's key.", valueName: "file")) var keyFile: String?
    @OptionGroup(title: "Certificates") var certificate: CertificateOptions
    @OptionGroup(title: "Certificates") var head: HeadOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func validate() throws {
        guard into != nil else {
            guard reason == nil, until == nil else {
                throw ValidationError("--reason and --until are about a look into an archive; say --into with them.")
            }
            return
        }
        guard let reason, !reason.allSatisfy(\.isWhitespace), reason.count <= Limits.remarkLength else {
            throw ValidationError(
                "--into makes purged rows live again; say why with --reason, in at most \(Limits.remarkLength) "
                    + "characters.")
        }
    }

    private var look: LookRequest? {
        into.map { LookRequest(into: $0, reason: reason ?? "", until: until) }
    }

    func run() async throws {
        try certificate.makeFolder()
        let restoration = try Restoration(
            manifest: CertificateOptions.absolute(manifest), look: look, keyFile: keyFile,
            templates: try certificate.templateSet(), certificates: certificate.folder,
            signingKey: try certificate.signingKey(), mode: certificate.mode, programVersion: Version.current,
            host: Host.name, words: { $0.words })
        let (outcome, chain) = try await database.withConnection { connection in
            let outcome = try await restoration.run(connection, tell: Terminal.say)
            let standing = "The rows of purge \(outcome.run) were put back, and that is certified."
            return (outcome, try await CertificateHead.read(connection, after: standing))
        }
        Terminal.show(
            outcome.tables.isEmpty
                ? "Purge \(outcome.run) took no row: nothing had to be put back, and it counts as taken back."
                : "\(outcome.rows) rows of purge \(outcome.run) were put back into "
                    + outcome.tables.joined(separator: ", "))
        if let look = outcome.look {
            Terminal.show(
                "Look \(look.number), until \(look.until); end it with: daybook retention forget-look \(look.number)")
        }
        if outcome.keptRows > 0 {
            Terminal.show(
                "\(outcome.keptRows) of them had been written to since: only what was empty in those was filled.")
        }
        if outcome.videos > 0 {
            Terminal.show("\(outcome.videos) videos were removed from the store for good, and are not put back.")
        }
        for name in outcome.missing { Terminal.show("not put back, because it is there no more: \(name)") }
        for file in outcome.files { Terminal.show(file) }
        try await head.handOn(chain)
        guard outcome.missing.isEmpty else { throw ExitCode(FailureKind.breachExitCode) }
    }
}

/// `daybook retention expire-archives`
struct ExpireArchivesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expire-archives", abstract: "Destroy the archives whose time is over, and certify that.",
        discussion: """
            An archive that cannot be reached from here keeps none of the others; the exit code is 73 then. If it is \
            lost for good, --lost certifies that, once, and nothing looks for it any more.
            """)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Certify that the archive of this purge is nowhere to be found.", valueName: "purge"),
        transform: WholeNumber.within(Limits.identifiers))
    var lost: Int64?
    @OptionGroup(title: "Certificates") var certificate: CertificateOptions
    @OptionGroup(title: "Certificates") var head: HeadOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        try certificate.makeFolder()
        let expiry = ArchiveExpiry(
            templates: try certificate.templateSet(), certificates: certificate.folder,
            signingKey: try certificate.signingKey(), mode: certificate.mode, programVersion: Version.current,
            host: Host.name)
        if let lost {
            let done = "The archive of purge \(lost) was written off as lost."
            let (files, chain) = try await database.withConnection { connection in
                let files = try await expiry.writeOff(lost, connection, tell: Terminal.say)
                return (files, try await CertificateHead.read(connection, after: done))
            }
            Terminal.show(done)
            for file in files { Terminal.show(file) }
            try await head.handOn(chain)
            return
        }
        let (outcome, chain) = try await database.withConnection { connection in
            let outcome = try await expiry.run(connection, tell: Terminal.say)
            let runs = outcome.runs.map(String.init).joined(separator: ", ")
            let standing = runs.isEmpty ? "No archive was destroyed." : "The archives of purges \(runs) were destroyed."
            return (outcome, try await CertificateHead.read(connection, after: standing))
        }
        for run in outcome.runs { Terminal.show("The archive of purge \(run) was destroyed.") }
        for remark in outcome.remarks { Terminal.say("daybook: \(remark.words)") }
        if outcome.runs.isEmpty, outcome.failures.isEmpty { Terminal.show("No archive is past its end.") }
        for file in outcome.files { Terminal.show(file) }
        for failure in outcome.failures.dropLast() { Terminal.say("daybook: \(Failure.words(of: failure))") }
        do {
            try await head.handOn(chain)
        } catch  where !outcome.failures.isEmpty {
            // Its own failure is said; an archive that is still there matters more.
        }
        if let last = outcome.failures.last { throw last }
    }
}

/// `daybook retention forget-look`
struct ForgetLookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget-look", abstract: "Drop the tables of a look into an archive, and certify that.",
        discussion: """
            LOOK is the number that `retention restore --into` printed and that `retention verify` names. Tables that \
            were renamed or moved are found all the same; where one was dropped by hand, that is certified.
            """)

    @Argument(help: "The look's number.", transform: WholeNumber.within(Limits.identifiers)) var look: Int64
    @OptionGroup(title: "Certificates") var certificate: CertificateOptions
    @OptionGroup(title: "Certificates") var head: HeadOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        try certificate.makeFolder()
        let end = LookEnd(
            look, templates: try certificate.templateSet(), certificates: certificate.folder,
            signingKey: try certificate.signingKey(), mode: certificate.mode, programVersion: Version.current,
            host: Host.name)
        let (outcome, chain) = try await database.withConnection { connection in
            let outcome = try await end.run(connection, tell: Terminal.say)
            return (outcome, try await CertificateHead.read(connection, after: "Look \(look) has ended."))
        }
        for name in outcome.dropped { Terminal.show("dropped \(name)") }
        for name in outcome.goneBefore { Terminal.show("dropped by somebody else before: \(name)") }
        Terminal.show("Look \(look) has ended.")
        for file in outcome.files { Terminal.show(file) }
        try await head.handOn(chain)
    }
}
