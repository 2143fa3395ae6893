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

    @Test func `reports run as a login that only reads, also on a server that was made before there was one`()
        async throws
    {
        let home = try Self.home()
        let environment = ["DAYBOOK_HOME": home]
        let migrated = try await ProgramRun(["database", "migrate"], environment: environment)
        #expect(migrated.exitCode == 0, "\(migrated.errors)")
        let report = try BroughtReport("SELECT session_user::text AS name, count(*) AS batches FROM batch_jobs")
        for round in 0..<3 {
            let run = try await report.run(environment: environment)
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try report.rows() == ["daybook_reader,0"], "round \(round)")
            // The rules of a server that knows only its owner; the second time it is stopped when the report comes.
            for (file, old) in [("pg_hba.conf", "local all daybook "), ("pg_ident.conf", " daybook\n")] {
                let path = home + "/data/" + file
                let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { $0 + "\n" }
                let kept = lines.filter { !$0.contains("daybook_reader") }.joined()
                #expect(kept.contains(old))
                let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
                try handle.truncate(atOffset: 0)
                try handle.write(contentsOf: Data(kept.utf8))
                try handle.close()
            }
            if round == 0 {
                try await ProgramRun.expectingSuccess(
                    ["--host", home + "/socket", "--username", "daybook", "-c", "SELECT pg_reload_conf()", "daybook"],
                    program: "/usr/bin/psql")
            } else {
                _ = try await ProgramRun(["database", "stop"], environment: environment)
            }
        }
        for secret in [
            "api_key FROM public.enterprise_api_keys", "sha256 FROM daybook.api_key", "nonce FROM daybook.submission",
        ] {
            let run = try await BroughtReport("SELECT \(secret)").run(environment: environment)
            #expect(run.exitCode == 78 && run.errors.contains("permission denied"), "\(secret): \(run.errors)")
        }
        let open = try await BroughtReport("SELECT user_id, outcome FROM daybook.submission").run(
            environment: environment)
        #expect(open.exitCode == 0, "\(open.errors)")
        // What the login has is what the documents let a reader have.
        let check = try await ProgramRun(["database", "check"], environment: environment)
        #expect(check.exitCode == 0 && !check.output.contains("daybook_reader"), "\(check.output)")
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
