import Foundation
import Postgres
import TestSupport
import Testing

/// The private server: created, started, stopped, found again, by one command or by several at once.
@Suite(.serialized) struct ClusterTests {
    /// A private directory that the server's user can reach.
    private static func home() throws -> String {
        let path = "/tmp/daybook-home-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    private static func remove(_ home: String) async {
        _ = try? await ProgramRun(["database", "stop"], environment: ["DAYBOOK_HOME": home])
        try? FileManager.default.removeItem(atPath: home)
    }

    @Test func `four commands at once make one server, and it survives a crash`() async throws {
        let home = try Self.home()
        let environment = ["DAYBOOK_HOME": home]
        let status = try await ProgramRun(["database", "status"], environment: environment)
        #expect(status.exitCode == 0 && status.output.contains("none yet"))
        let runs = try await withThrowingTaskGroup(of: ProgramRun.self) { group in
            for _ in 0..<4 { group.addTask { try await ProgramRun(["accounts", "list"], environment: environment) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for run in runs { #expect(run.exitCode == 0, "\(run.errors)") }
        let pidFile = home + "/data/postmaster.pid"
        let first = try String(contentsOfFile: pidFile, encoding: .utf8).split(separator: "\n")[0]
        #expect(try String(contentsOfFile: pidFile, encoding: .utf8).contains(home + "/socket"))

        // A crash leaves the pid file behind; after a reboot its number may be anybody's: here it is ours.
        #expect(kill(try #require(pid_t(first)), SIGKILL) == 0)
        usleep(500_000)
        let stale = try String(contentsOfFile: pidFile, encoding: .utf8)
            .replacingOccurrences(of: "\(first)\n", with: "\(getpid())\n")
        try Data(stale.utf8).write(to: URL(fileURLWithPath: pidFile))
        let stopped = try await ProgramRun(["database", "status"], environment: environment)
        #expect(stopped.output.hasPrefix("stopped"), "\(stopped.output)")
        let again = try await ProgramRun(["database", "start"], environment: environment)
        #expect(again.exitCode == 0, "\(again.errors)")
        #expect(again.output.hasPrefix("running"))

        let settings = try await ProgramRun(
            [
                "database", "psql", "-Atc",
                "SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'listen_addresses', 'synchronous_commit', 'data_checksums')",
            ],
            environment: environment)
        #expect(settings.output == "on on on  on\n", "\(settings.output)\(settings.errors)")
        #expect(try await ProgramRun(["database", "stop"], environment: environment).output == "stopped\n")
        #expect(try await ProgramRun(["database", "stop"], environment: environment).output == "was not running\n")
        await Self.remove(home)
    }

    @Test func `a link in the place of the private server's lock is not followed`() async throws {
        let home = try Self.home()
        try FileManager.default.createSymbolicLink(atPath: home + "/lock", withDestinationPath: home + "/elsewhere")
        let run = try await ProgramRun(["database", "start"], environment: ["DAYBOOK_HOME": home])
        #expect(run.exitCode == 78 && run.errors.contains("cannot be used"), "\(run.errors)")
        #expect(!FileManager.default.fileExists(atPath: home + "/elsewhere"))
        await Self.remove(home)
    }

    @Test func `a private server in folders that are made for it can be reached by its user`() async throws {
        let home = try Self.home()
        let deep = home + "/a/b"
        let run = try await ProgramRun(
            ["-c", "umask 077 && exec \"$@\"", "sh", ProgramRun.daybook, "database", "start"], program: "/bin/sh",
            environment: ["DAYBOOK_HOME": deep])
        #expect(run.exitCode == 0, "\(run.errors)")
        _ = try await ProgramRun(["database", "stop"], environment: ["DAYBOOK_HOME": deep])
        await Self.remove(home)
    }

    @Test func `a path that is too long for a socket gets a short one`() async throws {
        let home = try Self.home()
        let long = home + "/" + String(repeating: "long-", count: 16) + "folder"
        let run = try await ProgramRun(["database", "start"], environment: ["DAYBOOK_HOME": long])
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.contains("socket in /tmp/daybook-"))
        _ = try await ProgramRun(["database", "stop"], environment: ["DAYBOOK_HOME": long])
        await Self.remove(home)
    }
}
