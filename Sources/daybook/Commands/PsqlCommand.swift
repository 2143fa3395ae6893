import ArgumentParser
import Domain
import Foundation
import Postgres

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
