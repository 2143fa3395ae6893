import Foundation
import Postgres
import TestSupport
import Testing

/// Every command on a database whose prober is silent: the server says which of them read probes, and each of those
/// says that it is.
@Suite struct SilentProberWalkTests {
    private static let words = "The newest probe of api is of "

    /// What looks at probes as rows alone: how many there are, which are due to go, and whether one is there already.
    /// No figure comes of it, and who probes may not even read.
    private static let rowsAlone = ["daybook retention ", "daybook database ", "daybook availability probe"]

    /// A call of a command, and whether it is known to read probes.
    private struct Call {
        let command: String
        let arguments: [String]
        var mustRead = false
    }

    /// How often the table of probes was read in a database, once everybody else has left it.
    private func readings(_ settings: ConnectionSettings) async throws -> Int64 {
        // A session counts its readings when it ends, which can be a moment after its program.
        while try await RoleServer.lines(
            """
            SELECT pid::text FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
            """, settings) != []
        {}
        return try #require(
            Int64(
                try await RoleServer.lines(
                    """
                    SELECT sum(coalesce(seq_scan, 0) + coalesce(idx_scan, 0))::text FROM pg_stat_user_tables
                    WHERE schemaname = 'daybook' AND relname = 'probe'
                    """, settings)[0]))
    }

    /// The table of commands with this month in the place of one that is over, and further calls of those that read
    /// probes in one way or another.
    private func calls(_ places: [String: String], _ folder: ScratchFolder, month: String) throws -> [Call] {
        try FileManager.default.createDirectory(
            atPath: folder.file("reports/probed"), withIntermediateDirectories: true)
        _ = try folder.write(
            #"{"title": "Probed", "sheets": [{"title": "By target", "query": "targets"}]}"#,
            to: "reports/probed/report.json")
        _ = try folder.write(
            "SELECT target, count(*) AS probes FROM probe GROUP BY target ORDER BY target\n",
            to: "reports/probed/targets.sql")
        let output = ["--quiet", "--output", folder.path]
        let known = ["report sla", "month run", "status", "availability list", "availability import"]
        let further = [
            ["report", "sla", "--month", month, "--watch"] + output,
            ["report", "sla", "--month", month, "--all"] + output,
            ["report", "sla", "--month", month, "--account", "one", "--format", "csv"] + output,
            ["report", "sla", "--month", month, "--all", "--email", "--dry-run", "--from", "a@example.com"] + output,
            ["report", "run", "probed", "--reports", folder.file("reports")] + output,
            ["availability", "import", places["probes"] ?? "", "--dry-run"],
        ].map { words in
            Call(command: "daybook " + words.prefix(2).joined(separator: " "), arguments: words, mustRead: true)
        }
        // Those first: what else is run may leave no probe.
        return further
            + CommandCase.all.compactMap { line in
                guard case .roles = line.way else { return nil }
                let words = line.words(places).map { word in
                    ["2020-01", "2020-02", "2020-03"].reduce(word) { $0.replacing($1, with: month) }
                }
                return Call(
                    command: line.command, arguments: words,
                    mustRead: known.contains { line.command == "daybook " + $0 })
            }
    }

    @Test func `whatever reads probes as of now says that a prober is silent`() async throws {
        try await RoleServer.run(port: 5450) { server in
            let seed = try await CommandSeed.make(server)
            let (settings, places) = try await seed.copy(.owner)
            let month = try await RoleServer.lines("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')", settings)[0]
            let owner = RoleServer.login(settings, RoleServer.owner)
            var before = try await readings(settings)
            let folder = try ScratchFolder()
            for call in try calls(places, folder, month: month) {
                let program = call.command.hasPrefix("daybookd ") ? RunningProgram.path("daybookd") : ProgramRun.daybook
                let run = try await ProgramRun(
                    call.arguments + ["--database", Deployment.conninfo(owner)], program: program)
                let after = try await readings(settings)
                let (said, read) = ((run.output + run.errors).contains(Self.words), after > before)
                before = after
                guard !Self.rowsAlone.contains(where: call.command.hasPrefix) else { continue }
                #expect(said == read, "\(call.arguments): read: \(read), said: \(said): \(run.output)\(run.errors)")
                #expect(read || !call.mustRead, "\(call.arguments) read no probe: \(run.errors)")
            }
        }
    }
}
