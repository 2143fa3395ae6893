import ArgumentParser
import Console
import Foundation
import Postgres
import Schema

/// As whom queries run that somebody else wrote.
struct ReportDatabaseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The database of this report, as a login that only reads; wins over the other ways to name one. Default "
                + "DAYBOOK_REPORT_DATABASE_URL, unless --database is given.", valueName: "url"))
    var reportDatabase: String?

    /// How to reach the database: as this option says, else as all commands do, but the private server as its login
    /// that only reads.
    func settings(_ database: DatabaseOptions) async throws -> ConnectionSettings {
        if let reportDatabase { return ConnectionSettings(conninfo: reportDatabase) }
        let url = ProcessInfo.processInfo.environment["DAYBOOK_REPORT_DATABASE_URL"]
        if database.isUnnamed, let url, !url.isEmpty { return ConnectionSettings(conninfo: url) }
        if let named = database.named { return named }
        let cluster = try PrivateCluster()
        let owner = try await cluster.ensureRunning(database: database.privateDatabase)
        try await DatabaseOptions.withConnection(owner) { connection in
            try await ReaderGrants.give(connection)
        }
        return try await cluster.readerSettings(database: database.privateDatabase)
    }
}
