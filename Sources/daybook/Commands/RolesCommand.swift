import ArgumentParser
import Postgres
import Retention
import Schema

/// `daybook database roles`
struct RolesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roles",
        abstract: "Make the roles daybook_purge and daybook_report, with no more rights than they need.",
        discussion: """
            daybook_purge deletes and redacts what a purge does; it has no DELETE, UPDATE or TRUNCATE on wallet and \
            ledger. daybook_report only reads. Purges and reports work as them where they are. Run it again after \
            daybook database migrate.
            """)

    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let (made, grants) = try await database.withConnection { connection in
            (
                try await DatabaseRoles().ensure(connection),
                try await connection.transaction(.snapshot) { session in
                    try CreditRights(session).findings.map(\.sentence) + DatabaseRoles.findings(session)
                }
            )
        }
        for role in made { Terminal.show("made \(role)") }
        Terminal.show("\(DatabaseRoles.report) and \(DatabaseRoles.purge) have their rights in this database")
        for sentence in grants { Terminal.show("rights: \(sentence)") }
    }
}
