import Foundation
public import Postgres

/// The files of the repository that tests read, and deployments made of them.
public enum Deployment {
    /// The root of the checkout.
    public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// The sample deployment as one SQL script.
    public static func sampleScript() throws -> String {
        try Command.run(["/usr/bin/gzip", "--decompress", "--stdout", root + "/sample/deployment.sql.gz"])
    }

    /// Loads a script with psql into a database.
    public static func load(file: String, into settings: ConnectionSettings) async throws {
        try await ProgramRun.expectingSuccess(
            ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", file, "--dbname", conninfo(settings)],
            program: "/usr/bin/psql")
    }

    /// The sample deployment with Daybook's schema, accounts, probes and maintenance.
    public static func loadSample(into settings: ConnectionSettings) async throws {
        let script = NSTemporaryDirectory() + "/sample-\(UUID().uuidString).sql"
        defer { try? FileManager.default.removeItem(atPath: script) }
        try Command.run(["/bin/sh", "-c", "gzip -dc '\(root)/sample/deployment.sql.gz' > '\(script)'"])
        try await load(file: script, into: settings)
        for arguments in [
            ["database", "migrate"], ["accounts", "import", root + "/sample/accounts.csv"],
            ["availability", "import", root + "/sample/probes.csv.gz"],
            ["availability", "maintenance", "import", root + "/sample/maintenance.csv"],
        ] {
            try await ProgramRun.expectingSuccess(arguments + ["--database", conninfo(settings)])
        }
    }

    /// The settings as one connection string.
    public static func conninfo(_ settings: ConnectionSettings) -> String {
        settings.options.sorted { $0.key < $1.key }.map { "\($0.key)='\($0.value)'" }.joined(separator: " ")
    }
}
