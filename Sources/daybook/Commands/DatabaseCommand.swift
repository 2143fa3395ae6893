import ArgumentParser
import Domain
import Foundation
import Postgres
import Retention
import Schema

/// `daybook database …`
struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database", abstract: "The private PostgreSQL server, and the schema of any database.",
        subcommands: [
            Start.self, Stop.self, Status.self, PsqlCommand.self, Migrate.self, Check.self,
            PartitionsCommand.self, RolesCommand.self,
        ])

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create the private server where there is none, and start it.",
            discussion:
                "It lives in DAYBOOK_HOME, listens on a Unix socket only, and as root runs as the user postgres.")

        @Option(help: ArgumentHelp("The database to create in it.", valueName: "name"))
        var privateDatabase: String = PrivateCluster.defaultDatabase

        func run() async throws {
            let cluster = try PrivateCluster()
            if try cluster.status() == .absent {
                Terminal.say("daybook: creating a private PostgreSQL server in \(cluster.home)")
            }
            _ = try await cluster.ensureRunning(database: privateDatabase)
            guard case .running(let processID) = try cluster.status() else {
                throw DaybookError(
                    .databaseUnavailable, "The private server went away again; its log is \(cluster.logPath).")
            }
            Terminal.show(
                "running, process \(processID), as \(cluster.serverUser), socket in \(cluster.socketDirectory)")
        }
    }

    struct Stop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Stop the private server. Its data stay.")

        func run() async throws {
            let wasRunning = try await PrivateCluster().stop()
            Terminal.show(wasRunning ? "stopped" : "was not running")
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether the private server runs, and where it is.")

        func run() async throws {
            let cluster = try PrivateCluster()
            switch try cluster.status() {
            case .absent: Terminal.show("there is none yet; it would be made in \(cluster.home)")
            case .stopped: Terminal.show("stopped, in \(cluster.home)")
            case .running(let processID):
                Terminal.show(
                    "running, process \(processID), as \(cluster.serverUser), in \(cluster.home), socket in "
                        + "\(cluster.socketDirectory)")
            }
        }
    }

    struct Migrate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring a database to this program's schema.",
            discussion: """
                Everything that is ours lives in the schema daybook. Nothing of a deployment's own tables is \
                dropped, renamed, rewritten or locked for long, and running it again changes nothing.

                An empty database becomes a whole system: the service's tables, and the engine's. A deployment, which \
                has the service's tables, gets what the reports need; with --engine also what the batch engine needs, \
                which replaces freeze_credits_for_batch and finalize_batch_credits and makes the ledger append-only. \
                It then says what behaves differently for the application, and by which rights visitors can move \
                credit; daybook database check says the same before.
                """)

        @Flag(help: "Add the batch engine to a deployment.")
        var engine = false

        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let migrator = Migrator(withEngine: engine)
            let applied = try await database.withConnection { connection in
                let applied = try await migrator.migrate(connection)
                // Months ahead from the first day on; a deployment's own table is left as it is.
                let partitions = try await MonthlyPartitions().ensure(connection).made
                try await DatabaseRoles().renew(connection)
                return applied + partitions.map { "partition \($0)" }
            }
            Terminal.show(
                applied.isEmpty
                    ? "up to date, nothing to apply" : applied.map { "applied \($0)" }.joined(separator: "\n"))
            if engine { try await tell() }
        }

        /// What the application has to know, and who can get at the credit past the engine.
        private func tell() async throws {
            let sentences = try await database.withConnection { connection in
                try await connection.transaction(.snapshot) { session in
                    try EngineChanges(session).remarks.map { "engine: \($0.words)" }
                        + CreditRights(session).findings.map { "rights: \($0.sentence)" }
                }
            }
            for sentence in sentences { Terminal.show(sentence) }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what a database has of what the reports read, what is missing, and what is different.",
            discussion: "Exits with 65 if no report can be made.")

        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let (check, rights, retention) = try await database.withConnection { connection in
                try await connection.transaction(.snapshot) { session in
                    try session.executeScript(
                        "SET LOCAL row_security = off; SET LOCAL search_path = pg_catalog, pg_temp")
                    return (
                        try DatabaseCheck(session), try DatabaseRoles.findings(session),
                        try Obstacles.findings(session)
                    )
                }
            }
            var table = TextTable(columns: ["table", "state", .number("rows"), "remark"])
            for finding in check.findings {
                table.add([finding.table, finding.state, finding.rows.map(String.init) ?? "", finding.remark])
            }
            table.show()
            Terminal.show("\nmigrations: \(check.migrations.words)")
            for remark in check.distribution { Terminal.show("distributed: \(remark.words)") }
            for remark in check.changes.remarks { Terminal.show("engine: \(remark.words)") }
            for remark in check.owners { Terminal.show("owners: \(remark.words)") }
            for remark in check.indexes { Terminal.show("indexes: \(remark.words)") }
            for sentence in check.grants.findings.map(\.sentence) + rights.map(\.words) {
                Terminal.show("rights: \(sentence)")
            }
            for remark in retention { Terminal.show("retention: \(remark.words)") }
            guard check.isUsable else {
                throw DaybookError.badData(
                    "No report can be made here: a table or column that every report needs is missing.")
            }
        }
    }
}

/// `daybook database psql`
struct PsqlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "psql", abstract: "Open psql on the private server; what follows is handed to psql.",
        discussion: "Example: gunzip -c deployment.sql.gz | daybook database psql -v ON_ERROR_STOP=1")

    @Option(help: ArgumentHelp("The database of the private server.", valueName: "name"))
    var privateDatabase: String = PrivateCluster.defaultDatabase

    @Argument(parsing: .captureForPassthrough, help: "Arguments of psql.")
    var arguments: [String] = []

    func run() async throws {
        let cluster = try PrivateCluster()
        _ = try await cluster.ensureRunning(database: privateDatabase)
        let command = [
            "psql", "--host", cluster.socketDirectory, "--port", "5432", "--username", PrivateCluster.role,
            "--dbname", privateDatabase,
        ]
        for name in ["PGSERVICE", "PGOPTIONS", "PGHOSTADDR"] { unsetenv(name) }
        var pointers = (command + arguments).map { strdup($0) }
        pointers.append(nil)
        // What psql writes is its caller's own matter.
        umask(Program.inheritedMask)
        execvp("psql", &pointers)
        throw DaybookError.configuration("psql cannot be started; install it: apt-get install postgresql-client")
    }
}

/// `daybook database partitions`
struct PartitionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "partitions",
        abstract: "Keep the monthly partitions of the access log and the ledger four months ahead.",
        discussion: """
            For databases that Daybook made; a deployment's own tables are never converted. Run it every day: an \
            insert never fails for want of a partition, but what waits in the default one cannot be dropped with its \
            month.
            """)

    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let (made, waiting) = try await database.withConnection { try await MonthlyPartitions().ensure($0) }
        for name in made { Terminal.show("made \(name)") }
        if made.isEmpty { Terminal.show("nothing to make") }
        for month in waiting {
            let which = month.month.isEmpty ? "without an instant" : "of \(month.month)"
            Terminal.show("\(month.rows) rows wait in the default partition, \(which)")
        }
    }
}

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
                    try CreditRights(session).findings.map(\.sentence) + DatabaseRoles.findings(session).map(\.words)
                }
            )
        }
        for role in made { Terminal.show("made \(role)") }
        Terminal.show("\(DatabaseRoles.report) and \(DatabaseRoles.purge) have their rights in this database")
        for sentence in grants { Terminal.show("rights: \(sentence)") }
    }
}
