import Foundation
import Postgres
import TestSupport
import Testing

/// Reports that are read from a standby, while the database itself keeps what is recorded.
@Suite(.serialized, .timeLimit(.minutes(6))) struct ReplicaTests {
    /// The sample on a primary and a standby that replays at once whatever stands in the way; the tests share it.
    private struct Deployed: Sendable {
        let pair: StandbyPair
        let primary: ConnectionSettings
        var standby: ConnectionSettings { pair.onStandby(primary) }

        static let making = Task {
            let pair = try StandbyPair(settings: ["max_standby_streaming_delay": "0"])
            let primary = try await TestDatabase.create(in: pair.primary).settings
            try await Deployment.loadSample(into: primary)
            try await pair.catchUp()
            return Deployed(pair: pair, primary: primary)
        }

        static var shared: Deployed { get async throws { try await making.value } }
    }

    private static func report(
        _ arguments: [String], _ folder: ScratchFolder, database: ConnectionSettings, replica: ConnectionSettings? = nil
    ) async throws -> ProgramRun {
        try await ProgramRun(
            ["report"] + arguments + ["--output", folder.path, "--quiet", "--database", Deployment.conninfo(database)]
                + (replica.map { ["--replica", Deployment.conninfo($0)] } ?? []))
    }

    private static func files(_ folder: ScratchFolder) throws -> [String: Data] {
        try folder.contents().filter { !$0.key.hasSuffix("manifest.json") }
    }

    private static func text(_ sql: String, _ settings: ConnectionSettings) async throws -> String {
        let connection = try await Connection.open(settings)
        let text = try await connection.run { try $0.query(sql)[0].text(0) }
        await connection.close()
        return text
    }

    @Test(arguments: [
        ["sla", "--month", "2026-10"], ["statement", "--month", "2026-10", "--all"],
        ["statement", "--month", "2026-10", "--account", "customer2"],
    ])
    func `a report of a standby is to the byte that of its primary, which it does not need`(
        arguments: [String]
    ) async throws {
        let deployed = try await Deployed.shared
        let (own, copied) = (try ScratchFolder(), try ScratchFolder())
        let direct = try await Self.report(arguments, own, database: deployed.primary)
        #expect(direct.exitCode == 0 && !direct.errors.contains("standby"), "\(direct.errors)")
        var nowhere = deployed.primary
        nowhere.options["host"] = "/nowhere"
        let read = try await Self.report(arguments, copied, database: nowhere, replica: deployed.standby)
        #expect(read.exitCode == 0, "\(read.errors)")
        #expect(read.errors.contains("read on a standby, which had replayed its primary's changes to 20"))
        #expect(try Self.files(copied) == Self.files(own))
        #expect(try Self.files(own).count > 5)
    }

    @Test func `what a standby has not replayed is not reported as if it were all`() async throws {
        let deployed = try await Deployed.shared
        let month = try await Self.text("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')", deployed.primary)
        func instant() async throws -> String {
            let sql = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
            return try await Self.text(sql, deployed.primary)
        }
        let before = try await instant()
        try await deployed.pair.catchUp()
        try await deployed.pair.tell("SELECT pg_wal_replay_pause()")
        try await deployed.pair.wait(until: "pg_get_wal_replay_pause_state() = 'paused'", "replay pauses")
        let after = try await instant()
        for report in [["sla", "--month", month], ["statement", "--month", month, "--account", "customer2"]] {
            let folder = try ScratchFolder()
            let early = try await Self.report(
                report + ["--cutoff", after], folder, database: deployed.primary, replica: deployed.standby)
            #expect(early.exitCode == 75, "\(early.exitCode) \(early.errors)")
            #expect(early.errors.contains("this standby has replayed it to") && early.errors.contains("--cutoff"))
            #expect(try folder.contents().isEmpty)
            for cutoff in [["--cutoff", before], []] {
                let known = try await Self.report(
                    report + cutoff, folder, database: deployed.primary, replica: deployed.standby)
                #expect(known.exitCode == 0, "\(known.errors)")
            }
        }
        try await deployed.pair.tell("SELECT pg_wal_replay_resume()")
    }

    @Test func `what is sent is recorded in the database, and sent once`() async throws {
        let deployed = try await Deployed.shared
        let folder = try ScratchFolder()
        let mail = [
            "--account", "customer2", "--email", "--from", "finance@example.org", "--outbox", folder.file("mail"),
        ]
        let sending = ["statement", "--month", "2026-10"] + mail
        for isFirst in [true, false] {
            let run = try await Self.report(
                sending, folder, database: deployed.primary, replica: deployed.standby)
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(run.output.contains("it was handed over at") != isFirst, "\(run.output)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("mail")).count == 1)
        let recorded = "SELECT count(*)::text FROM daybook.statement_delivery"
        #expect(try await Self.text(recorded, deployed.primary) == "1")
        let rehearsed = try await Self.report(
            sending + ["--dry-run"], folder, database: deployed.primary, replica: deployed.standby)
        #expect(rehearsed.exitCode == 0, "\(rehearsed.errors)")
        // Nothing is sent that could not be recorded.
        let refused = try await Self.report(
            sending + ["--force"], folder, database: deployed.standby)
        #expect(refused.exitCode == 78 && refused.errors.contains("is a standby"), "\(refused.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("mail")).count == 1)
    }

    @Test func `months that a report of a standby counts are recorded in the database, and never on the standby`()
        async throws
    {
        let deployed = try await Deployed.shared
        let report = ["sla", "--month", "2026-10", "--format", "csv", "--no-tasks", "--record"]
        let refused = try await Self.report(report, try ScratchFolder(), database: deployed.standby)
        #expect(refused.exitCode == 78 && refused.errors.contains("is a standby"), "\(refused.errors)")
        let folder = try ScratchFolder()
        let run = try await Self.report(report, folder, database: deployed.primary, replica: deployed.standby)
        #expect(run.exitCode == 0 && run.output.contains("Recorded: 2025-10, "), "\(run.errors)")
        #expect(try await Self.text("SELECT count(*)::text FROM daybook.recorded_month", deployed.primary) == "13")
    }

    @Test func `a server that is no standby, and one of another database, are refused`() async throws {
        let deployed = try await Deployed.shared
        let folder = try ScratchFolder()
        let report = ["statement", "--month", "2026-10", "--account", "customer2"]
        let mail = ["--email", "--from", "finance@example.org"]
        let primary = try await Self.report(report, folder, database: deployed.primary, replica: deployed.primary)
        #expect(primary.exitCode == 78 && primary.errors.contains("is no standby"), "\(primary.errors)")
        try await withDatabase { other in
            let run = try await Self.report(report + mail, folder, database: other, replica: deployed.standby)
            #expect(run.exitCode == 78 && run.errors.contains("another database"), "\(run.errors)")
        }
        let accepted = try await Self.report(
            report + mail + ["--accept", "customer2", "--reason", "r"], folder, database: deployed.primary,
            replica: deployed.standby)
        #expect(accepted.exitCode == 64 && accepted.errors.contains("--replica"), "\(accepted.errors)")
        #expect(try folder.contents().isEmpty)
    }

    @Test func `a report that replay stops is to be tried again, says what to set, and publishes nothing`() async throws
    {
        let deployed = try await Deployed.shared
        try await execute(
            """
            CREATE TABLE public.passing AS SELECT generate_series(1, 1000) AS id
            """, in: deployed.primary)
        try await withLogin(deployed.primary) { login in
            try await deployed.pair.catchUp()
            let report = try BroughtReport("SELECT count(*) AS n FROM public.passing, pg_sleep(60)")
            async let running = report.run(deployed.pair.onStandby(login))
            try await deployed.pair.wait(
                until: "EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename LIKE 'login_%')",
                "the report runs")
            try await execute("DELETE FROM public.passing", in: deployed.primary)
            try await execute("VACUUM (FREEZE) public.passing", in: deployed.primary)
            let run = try await running
            #expect(run.exitCode == 75, "\(run.exitCode) \(run.errors)")
            for words in ["max_standby_streaming_delay", "hot_standby_feedback", "try again later"] {
                #expect(run.errors.contains(words), "\(run.errors)")
            }
            #expect(try report.published().isEmpty)
        }
    }
}
