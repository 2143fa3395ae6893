import Foundation
import Postgres
import TestSupport
import Testing

/// Probes, windows and outages as monitors and status pages export them, imported by the command.
@Suite struct MonitorTests {
    private static func availability(
        _ arguments: [String], _ settings: ConnectionSettings
    ) async throws -> ProgramRun {
        try await ProgramRun(["availability"] + arguments + ["--database", Deployment.conninfo(settings)])
    }

    private static func availabilityOfOctober(_ settings: ConnectionSettings) async throws -> [String] {
        let folder = try ScratchFolder()
        let run = try await ProgramRun([
            "report", "sla", "--month", "2026-10", "--format", "csv", "--no-tasks", "--quiet", "--output", folder.path,
            "--database", Deployment.conninfo(settings),
        ])
        #expect(run.exitCode == 0, "\(run.errors)")
        let csv = try folder.contents().first { $0.key.hasSuffix("/availability.csv") }
        return try String(decoding: #require(csv).value, as: UTF8.self).split(separator: "\r\n").dropFirst()
            .map(String.init)
    }

    @Test func `the raw samples of Prometheus say what was not probed, and a range query hides it`() async throws {
        let folder = try ScratchFolder()
        try Command.run([
            try #require(ProcessInfo.processInfo.environment["DAYBOOK_TEST_PYTHON"]),
            Deployment.root + "/Tests/CommandTests/Monitors/prometheus_export.py", folder.path,
        ])
        try await withEngine { settings in
            let names = [
                "--target", "https://api.example/healthz=batch-api", "--target",
                "https://worker.example/healthz=worker", "--from", "prometheus",
            ]
            let trial = try await Self.availability(
                ["import", folder.file("instant.json"), "--dry-run"] + names, settings)
            #expect(trial.exitCode == 0, "\(trial.errors)")
            #expect(
                trial.output.contains("probes: 220 rows read, 220 added")
                    && trial.output.contains("Nothing was written"))
            let seen = trial.output.split(separator: "\n").filter { $0.contains("2026-10 ") }
                .map { $0.split(whereSeparator: \.isWhitespace).prefix(6).joined(separator: " ") }
            #expect(seen == ["batch-api 2026-10 44,640 105 5 44,530", "worker 2026-10 44,640 105 5 44,530"], "\(seen)")
            #expect(!trial.errors.contains("range query"), "\(trial.errors)")
            #expect(trial.errors.contains("unmonitored"), "\(trial.errors)")

            let resampled = try await Self.availability(
                ["import", folder.file("range.json"), "--dry-run"] + names, settings)
            #expect(resampled.exitCode == 0)
            #expect(resampled.errors.contains("this looks like a range query"), "\(resampled.errors)")
            // Of 120 minutes 108 up, and 7 unmonitored in place of 10.
            #expect(resampled.output.contains(" 108 "), "\(resampled.output)")

            for added in [220, 0] {
                let run = try await Self.availability(["import", folder.file("instant.json")] + names, settings)
                #expect(run.exitCode == 0 && run.output.contains("220 rows read, \(added) added"), "\(run.output)")
            }
        }
    }

    @Test(arguments: [(63, "95.2396", true), (64, "93.7500", false)])
    func `probes every so many seconds monitor so much of October`(
        seconds: Int, percent: String, isSufficient: Bool
    ) async throws {
        let folder = try ScratchFolder()
        let start = 1_790_812_800
        let values = stride(from: start, to: start + 31 * 86_400, by: seconds).map { "[\($0),\"1\"]" }
        let file = try folder.write(
            #"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"probe_success","#
                + #""instance":"api"},"values":[\#(values.joined(separator: ","))]}]}}"#, to: "probes.json")
        try await withEngine { settings in
            let run = try await Self.availability(["import", file, "--from", "prometheus"], settings)
            #expect(run.exitCode == 0 && run.output.contains(" \(percent) "), "\(run.output)\(run.errors)")
            let rows = try await Self.availabilityOfOctober(settings)
            #expect(rows.count == 1)
            #expect(rows[0].hasSuffix(isSufficient ? ",breach" : ",insufficient data") || isSufficient, "\(rows)")
            #expect(rows[0].contains("insufficient data") != isSufficient, "\(rows)")
        }
    }

    /// A month of beats of Uptime Kuma, a minute each.
    private static func beats(_ status: (Int) -> Int) -> String {
        let lines = (0..<44_640).map { minute in
            let day = minute / 1_440 + 1
            let time = [minute / 60 % 24, minute % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
            return "2026-10-\(day < 10 ? "0" : "")\(day) \(time):07.250,api,\(status(minute)),12"
        }
        return "time,name,status,ping\n" + lines.joined(separator: "\n") + "\n"
    }

    @Test func `ninety minutes of maintenance are unmonitored, and not down`() async throws {
        let folder = try ScratchFolder()
        let file = try folder.write(Self.beats { (1_000..<1_090).contains($0) ? 3 : 1 }, to: "beats.csv")
        try await withEngine { settings in
            let run = try await Self.availability(["import", file, "--from", "uptime-kuma"], settings)
            #expect(run.exitCode == 0 && run.output.contains(" 44,550 "), "\(run.output)\(run.errors)")
            #expect(run.errors.contains("90 beats of api"))
            #expect(
                try await Self.availabilityOfOctober(settings)
                    == ["api,44640,44550,0,0,0,100.0000,99.7983,pass"])
        }
    }

    @Test func `an export that is refused leaves nothing`() async throws {
        let folder = try ScratchFolder()
        let file = try folder.write(
            "time,name,status,ping\n2026-10-15 00:00:07,api,1,5\n2199-10-15 00:00:07,api,1,5\n", to: "beats.csv")
        try await withEngine { settings in
            let run = try await Self.availability(["import", file, "--from", "uptime-kuma"], settings)
            #expect(run.exitCode == 65 && run.errors.contains("still to come"), "\(run.errors)")
            let list = try await Self.availability(["list"], settings)
            #expect(!list.output.contains("api"))
        }
    }

    private static let maintenance = """
        {"scheduled_maintenances":[
        {"name":"Database","created_at":"CREATED","scheduled_for":"2026-10-13T00:00:00+02:00",
         "scheduled_until":"2026-10-13T01:00:00+02:00","components":[{"name":"Video API"}]},
        {"name":"Billing","created_at":"2026-10-01T00:00:00Z","scheduled_for":"2026-10-12T22:00:00Z",
         "scheduled_until":"2026-10-12T23:00:00Z","components":[{"name":"Invoices"}]}]}
        """

    /// Ten minutes down from 22:10 UTC on.
    private static func fail(_ target: String, _ settings: ConnectionSettings) async throws {
        try await execute(
            """
            INSERT INTO daybook.probe (target, probed_at, ok)
            SELECT '\(target)', at, NOT (at >= '2026-10-12T22:10:00Z' AND at < '2026-10-12T22:20:00Z')
            FROM generate_series(timestamptz '2026-10-01T00:00:07Z', '2026-10-31T23:59:59Z', interval '1 minute') AS at
            """, in: settings)
    }

    @Test(arguments: [("2026-10-10T22:00:00Z", 10), ("2026-10-10T22:00:01Z", 0)])
    func `a window of a status page excludes what it was announced for in time`(
        createdAt: String, excluded: Int
    ) async throws {
        let folder = try ScratchFolder()
        let file = try folder.write(
            Self.maintenance.replacingOccurrences(of: "CREATED", with: createdAt), to: "maintenance.json")
        try await withEngine { settings in
            try await Self.fail("batch-api", settings)
            try await Self.fail("worker", settings)
            let page = ["maintenance", "import", file, "--from", "statuspage"]
            let unnamed = try await Self.availability(page, settings)
            #expect(unnamed.exitCode == 65 && unnamed.errors.contains("Invoices, Video API"), "\(unnamed.errors)")
            let run = try await Self.availability(page + ["--target", "Video API=batch-api"], settings)
            #expect(run.exitCode == 0 && run.output.contains("1 rows read, 1 added"), "\(run.output)\(run.errors)")
            #expect(run.errors.contains("Billing of 2026-10-12T22:00:00.000000+00:00 was left out"))
            let rows = try await Self.availabilityOfOctober(settings)
            #expect(
                rows.map { $0.split(separator: ",").prefix(5).joined(separator: ",") } == [
                    "batch-api,44640,44640,10,\(excluded)", "worker,44640,44640,10,0",
                ])
        }
    }

    @Test func `a window that was shortened excludes what was left of it, and both versions are kept`() async throws {
        let folder = try ScratchFolder()
        let header = "starts_at,ends_at,reason,announced_at"
        let told = ",Database,2026-10-01T00:00:00Z"
        let first = try folder.write(
            "\(header)\n2026-10-12T22:00:00Z,2026-10-12T23:00:00Z\(told)\n", to: "windows.csv")
        let corrections = "corrects_starts_at,corrects_ends_at,cancelled"
        let shorter = try folder.write(
            "\(header),\(corrections)\n2026-10-12T22:00:00Z,2026-10-12T22:15:00Z\(told),"
                + "2026-10-12T22:00:00Z,2026-10-12T23:00:00Z,\n", to: "shorter.csv")
        let off = try folder.write(
            "\(header),\(corrections)\n2026-10-12T22:00:00Z,2026-10-12T22:15:00Z\(told),,,true\n", to: "off.csv")
        let unknown = try folder.write(
            "\(header),\(corrections)\n2026-10-12T22:00:00Z,2026-10-12T22:15:00Z\(told),"
                + "2026-10-12T22:00:00Z,2026-10-12T22:59:00Z,\n", to: "unknown.csv")
        try await withEngine { settings in
            try await Self.fail("batch-api", settings)
            func excluded() async throws -> String {
                let rows = try await Self.availabilityOfOctober(settings)
                return rows[0].split(separator: ",")[4].description
            }
            func importing(_ file: String, _ more: [String] = []) async throws -> ProgramRun {
                try await Self.availability(["maintenance", "import", file] + more, settings)
            }
            #expect(try await importing(first).exitCode == 0)
            #expect(try await excluded() == "10")
            let unexplained = try await importing(shorter)
            #expect(unexplained.exitCode == 64 && unexplained.errors.contains("--because"), "\(unexplained.errors)")
            let stray = try await importing(unknown, ["--because", "typed by hand"])
            #expect(stray.exitCode == 65 && stray.errors.contains("There is no window from"), "\(stray.errors)")
            for added in [1, 0] {
                let run = try await importing(shorter, ["--because", "done at 22:15"])
                #expect(run.exitCode == 0 && run.output.contains("\(added) added"), "\(run.output)\(run.errors)")
                #expect(try await excluded() == "5")
            }
            let back = try folder.write(
                "\(header),\(corrections)\n2026-10-12T22:00:00Z,2026-10-12T23:00:00Z\(told),"
                    + "2026-10-12T22:00:00Z,2026-10-12T22:15:00Z,\n", to: "back.csv")
            let returned = try await importing(back, ["--because", "after all"])
            #expect(returned.exitCode == 65 && returned.errors.contains("cannot come back"), "\(returned.errors)")
            #expect(try await excluded() == "5")
            #expect(try await importing(off, ["--because", "never began"]).exitCode == 0)
            #expect(try await excluded() == "0")
            // The first file once more brings nothing back.
            #expect(try await importing(first).exitCode == 0)
            #expect(try await excluded() == "0")
            let list = try await Self.availability(["maintenance", "list"], settings)
            #expect(list.output.contains("done at 22:15") && list.output.contains("never began"), "\(list.output)")
        }
    }

    @Test func `incidents of a provider are outages of a model`() async throws {
        let folder = try ScratchFolder()
        let file = try folder.write(
            """
            {"incidents":[{"name":"Errors","impact":"major","created_at":"2026-10-15T01:10:00Z",
            "started_at":"2026-10-15T01:00:00Z","resolved_at":"2026-10-15T02:00:00Z",
            "shortlink":"https://stspg.example/a","components":[{"name":"Video API"}]},
            {"name":"Login","impact":"minor","created_at":"2026-10-16T01:10:00Z","resolved_at":"2026-10-16T02:00:00Z",
            "components":[{"name":"Console"}]}]}
            """, to: "incidents.json")
        try await withEngine { settings in
            let database = ["--database", Deployment.conninfo(settings)]
            let run = try await ProgramRun(
                ["outages", "import", file, "--from", "statuspage", "--model", "sora-2", "--component", "Video API"]
                    + database)
            #expect(run.exitCode == 0 && run.output.contains("1 rows read, 1 added"), "\(run.output)\(run.errors)")
            #expect(run.errors.contains("1 incidents of other components"))
            let list = try await ProgramRun(["outages", "list"] + database)
            #expect(list.output.contains("https://stspg.example/a") && !list.output.contains("Login"))
        }
    }
}
