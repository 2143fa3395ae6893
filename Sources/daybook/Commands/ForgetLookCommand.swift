import ArgumentParser
import Domain
import Retention

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
