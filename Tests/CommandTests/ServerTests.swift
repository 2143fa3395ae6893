import Foundation
import Postgres
import TestSupport
import Testing

/// Servers of several versions: whatever the commands write is the same on each.
@Suite struct ServerTests {
    /// The versions, the oldest first, to which the others are compared. `scripts/test-servers` names all of them.
    private static let versions = (ProcessInfo.processInfo.environment["DAYBOOK_SERVERS"] ?? "15 18")
        .split(separator: " ").compactMap { Int($0) }
    private static let isWhole = ProcessInfo.processInfo.environment["DAYBOOK_SERVERS_WHOLE"] == "1"

    @Test func `every server gives the same bytes, from migrating to restoring`() async throws {
        let outcomes = try await withThrowingTaskGroup(of: (Int, ServerBattery.Outcome).self) { group in
            for version in Self.versions {
                group.addTask {
                    (version, try await ServerBattery(version: version, isWhole: Self.isWhole).run())
                }
            }
            return try await group.reduce(into: [Int: ServerBattery.Outcome]()) { $0[$1.0] = $1.1 }
        }
        let first = try #require(outcomes[Self.versions[0]])
        #expect(first.files.count > (Self.isWhole ? 450 : 150) && first.files.values.allSatisfy { !$0.isEmpty })
        for version in Self.versions {
            let outcome = try #require(outcomes[version])
            #expect(outcome.version.hasPrefix("\(version)."), "\(outcome.version)")
            #expect(outcome.files.keys.sorted() == first.files.keys.sorted())
            let different = outcome.files.filter { $0.value != first.files[$0.key] }.keys.sorted()
            #expect(different.isEmpty, "PostgreSQL \(outcome.version): \(different.prefix(20))")
            print("server | \(outcome.version) | \(outcome.files.count) | \(different.count) | \(outcome.seconds)")
        }
    }
}

/// What the commands make of the sample deployment on one server, from migrating to restoring: every CSV file, and what
/// the server itself says of the rows that came back.
struct ServerBattery: Sendable {
    /// What it came to.
    struct Outcome: Sendable {
        /// As the server says it: `16.2`.
        let version: String
        /// Every CSV file, and what else has to be the same, by its name.
        let files: [String: Data]
        let seconds: Int
    }

    /// PostgreSQL's: 15 to 18.
    let version: Int
    /// The first month too, the erasure and the engine's demo.
    let isWhole: Bool

    private static let date = ["--as-of", "2026-11-05"]

    private var months: [String] { isWhole ? ["2026-04", "2026-10"] : ["2026-10"] }

    func run() async throws -> Outcome {
        let clock = ContinuousClock()
        let startedAt = clock.now
        let cluster = try TestCluster(version: version)
        defer { try? cluster.stop(mode: "immediate") }
        let settings = try await TestDatabase.create(in: cluster).settings
        try await Deployment.loadSample(into: settings)
        var files = try await reports(settings, "before")
        try await command(settings, ["ledger", "verify"], endsWith: 2)
        files.merge(try await close(settings)) { $1 }
        files.merge(try await purge(settings)) { $1 }
        files.merge(try await reports(settings, "after")) { $1 }
        if isWhole { try await demo() }
        let said = try await ask(settings, "SHOW server_version")
        return Outcome(
            version: String(said.prefix { $0 != " " }), files: files,
            seconds: Int((clock.now - startedAt) / .seconds(1)))
    }

    private func reports(_ settings: ConnectionSettings, _ stage: String) async throws -> [String: Data] {
        var files: [String: Data] = [:]
        func report(_ name: String, _ arguments: [String], _ login: ConnectionSettings? = nil) async throws {
            let folder = try ScratchFolder()
            try await command(
                login ?? settings, ["report"] + arguments + ["--quiet", "--format", "csv", "--output", folder.path])
            for (path, content) in try folder.contents() where path.hasSuffix(".csv") {
                files["\(stage)/\(name)/\(path)"] = content
            }
        }
        for month in months {
            try await report("sla", ["sla", "--month", month])
            try await report("statements", ["statement", "--month", month, "--all"])
            // A custom report is refused to a superuser.
            try await withLogin(settings) { login in
                for custom in ["failures", "access"] {
                    try await report(custom, ["run", custom, "--param", "month=\(month)"], login)
                }
            }
        }
        try await withLogin(settings) { login in
            try await report("credits", ["run", "credits", "--param", "from=2026-04", "--param", "to=2026-10"], login)
        }
        if isWhole { try await report("customers", ["sla", "--month", "2026-10", "--all"]) }
        return files
    }

    /// Closes a customer's month, and writes it as it was kept.
    private func close(_ settings: ConnectionSettings) async throws -> [String: Data] {
        let month = ["2026-10", "--account", "customer2"]
        try await command(settings, ["close", "month", "--quiet"] + month)
        let folder = try ScratchFolder()
        try await command(
            settings,
            ["report", "statement", "--month"] + month + ["--quiet", "--format", "csv", "--output", folder.path])
        try await command(settings, ["close", "list"])
        return try folder.contents().filter { $0.key.hasSuffix(".csv") }.reduce(into: [:]) {
            $0["closed/\($1.key)"] = $1.value
        }
    }

    /// Plans, purges with an archive, verifies, and puts the archive back.
    private func purge(_ settings: ConnectionSettings) async throws -> [String: Data] {
        let folder = try ScratchFolder()
        let (archive, certificates) = (folder.file("archive"), ["--certificates", folder.file("certificates")])
        let plan = ["retention", "plan", "--output", folder.file("plan")] + Self.date
        try await command(settings, plan)
        let csv = try Data(contentsOf: URL(fileURLWithPath: folder.file("plan/plan.csv")))
        let due = String(decoding: csv, as: UTF8.self).split(separator: "\r\n").dropFirst()
            .compactMap { Int($0.split(separator: ",", omittingEmptySubsequences: false)[5]) }.reduce(0, +)
        let archived = ["--archive", archive] + certificates
        try await command(
            settings,
            ["retention", "purge", "--yes", "--quiet", "--expect-rows", String(due)] + Self.date + archived)
        try await command(settings, ["retention", "verify"])
        var files = ["plan.csv": csv]
        files.merge(try Self.archivedRows(archive)) { $1 }
        let manifest = archive + "/run-000001/manifest.json"
        try await command(settings, ["retention", "restore", manifest] + certificates)
        files["restored"] = Data(try await Self.rows(settings, ask).utf8)
        guard isWhole else { return files }
        let why = ["--reason", "tried", "--requested-by", "battery"]
        try await command(
            settings, ["retention", "erase", "--yes", "--quiet", "--account", "customer0"] + why + archived)
        files["erased"] = Data(try await Self.rows(settings, ask).utf8)
        return files
    }

    /// The rows of an archive by class, in an order of their own: a segment is as long as its transaction was quick.
    private static func archivedRows(_ archive: String) throws -> [String: Data] {
        try ["access_log", "api_usage", "task_content"].reduce(into: [:]) { files, dataClass in
            let script = "find '\(archive)' -name '*-\(dataClass).csv.gz' -exec gzip -dc {} + | LC_ALL=C sort"
            files["archive/\(dataClass).csv"] = Data(try Command.run(["/bin/sh", "-c", script]).utf8)
        }
    }

    /// Every row of the tables that a purge works on, as one digest a table.
    private static func rows(
        _ settings: ConnectionSettings, _ ask: (ConnectionSettings, String) async throws -> String
    ) async throws -> String {
        var digests: [String] = []
        for table in ["video_tasks", "video_external_access_log", "enterprise_api_usage", "credit_ledger"] {
            let digest = try await ask(
                settings,
                """
                SELECT count(*) || ' ' || md5(string_agg(r::text, E'\\n' ORDER BY r::text COLLATE "C"))
                FROM public.\(table) AS r
                """)
            digests.append("\(table) \(digest)")
        }
        return digests.joined(separator: "\n")
    }

    /// The engine at work on a private server of this version; the books of it are whole afterwards.
    private func demo() async throws {
        let home = try ScratchFolder()
        let programs = try Command.run([Deployment.root + "/scripts/test-postgres", String(version)])
        let surroundings = [
            "DAYBOOK_HOME": home.file("home"), "DAYBOOK_PG_BIN": String(programs.split(separator: "\n").last ?? ""),
        ]
        let database = ["--private-database", "engine_demo"]
        let receiver = "\(TestPython.path) '\(Deployment.root)/scripts/demo-receiver.py'"
        let demo = try await ProgramRun(
            ["demo", "--items", "40", "--output", home.file("out"), "--receiver", receiver],
            program: RunningProgram.path("daybookd"), environment: surroundings)
        let books = try await ProgramRun(["ledger", "verify"] + database, environment: surroundings)
        _ = try await ProgramRun(["database", "stop"] + database, environment: surroundings)
        // Told, verified by a library of receivers, downloaded to the byte, and on record.
        let video = FileManager.default.contents(atPath: home.file("out/video.mp4")) ?? Data()
        let accesses = try FileManager.default.subpathsOfDirectory(atPath: home.file("out")).filter {
            $0.hasPrefix("access-") && $0.hasSuffix(".csv")
        }.map { try String(contentsOfFile: home.file("out/\($0)"), encoding: .utf8) }
        guard demo.errors.contains("verified batch.completed of batch "), !video.isEmpty,
            demo.errors.contains("video.mp4: \(video.count) bytes"),
            accesses.contains(where: { $0.contains("download") })
        else {
            throw TestSupportError("PostgreSQL \(version), demo: \(demo.errors)\(accesses)")
        }
        guard demo.exitCode == 0, books.exitCode == 0 else {
            throw TestSupportError("PostgreSQL \(version), demo: \(demo.errors)\(books.output)\(books.errors)")
        }
    }

    private func ask(_ settings: ConnectionSettings, _ query: String) async throws -> String {
        let connection = try await Connection.open(settings)
        let text = try await connection.run { try $0.query(query)[0].string(0) ?? "" }
        await connection.close()
        return text
    }

    private func command(_ settings: ConnectionSettings, _ arguments: [String], endsWith code: Int32 = 0) async throws {
        let run = try await ProgramRun(arguments + ["--database", Deployment.conninfo(settings)])
        guard run.exitCode == code else {
            throw TestSupportError(
                "PostgreSQL \(version): \(arguments.joined(separator: " ")) ended with \(run.exitCode): "
                    + run.output.suffix(400) + run.errors.suffix(400))
        }
    }
}
