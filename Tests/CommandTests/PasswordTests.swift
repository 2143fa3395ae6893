import Foundation
import Postgres
import TestSupport
import Testing

/// A password on a command line is everybody's to see: it is taken, with a warning.
@Suite struct PasswordTests {
    private func warnings(_ run: ProgramRun) -> [Substring] {
        #expect(!run.errors.contains("hunter2"), "\(run.errors)")
        return run.errors.split(separator: "\n").filter { $0.contains("list of processes") }
    }

    private static let withPassword = [
        "postgres://me:hunter2@127.0.0.1:1/x?connect_timeout=2",
        "postgresql://127.0.0.1:1/x?user=me&password=hunter2&connect_timeout=2",
        "host=/nowhere user=me password=hunter2 dbname=x", "host=/nowhere password = 'hunter2' dbname=x",
        "host=/nowhere dbname=x sslpassword=hunter2",
    ]

    @Test(arguments: withPassword)
    func `a password in --database is warned of once, and the warning says where it belongs`(
        database: String
    ) async throws {
        for program in ["daybook", "daybookd"] {
            let command = program == "daybook" ? ["accounts", "list"] : ["keys", "list"]
            let run = try await ProgramRun(
                command + ["--database", database], program: RunningProgram.path(program))
            #expect(run.exitCode == 69, "\(run.errors)")
            let warnings = warnings(run)
            #expect(warnings.count == 1, "\(run.errors)")
            #expect(warnings.allSatisfy { $0.hasPrefix("\(program): ") && $0.contains("~/.pgpass") }, "\(run.errors)")
        }
    }

    @Test(arguments: withPassword)
    func `a password in the environment is not`(database: String) async throws {
        let run = try await ProgramRun(["accounts", "list"], environment: ["DATABASE_URL": database])
        #expect(run.exitCode == 69 && warnings(run).isEmpty, "\(run.errors)")
    }

    @Test(arguments: [
        "postgres://me@127.0.0.1:1/password?connect_timeout=2", "host=/nowhere user=password passfile=/dev/null",
        "host=/nowhere password=''",
    ])
    func `a connection string without a password is taken in silence`(database: String) async throws {
        let run = try await ProgramRun(["accounts", "list", "--database", database])
        #expect(run.exitCode == 69 && warnings(run).isEmpty, "\(run.errors)")
    }

    @Test func `one warning for all connections of a command, and its results are what they were`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let run = try await ProgramRun([
                "report", "statement", "--all", "--month", "2026-10", "--quiet", "--output", folder.path,
                "--database", Deployment.conninfo(settings) + " password='hunter2'",
            ])
            #expect(run.exitCode == 0 && warnings(run).count == 1, "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1 && run.output.contains("customer5"))
        }
    }

    @Test func `so is a password in the address of a mail server or of a probe`() async throws {
        let environment = ["DATABASE_URL": "host=/nowhere"]
        let mail = try await ProgramRun(
            [
                "report", "statement", "--account", "customer2", "--month", "2026-10", "--quiet", "--email", "--from",
                "finance@example.org", "--smtp", "smtp://me:hunter2@127.0.0.1:1",
            ], environment: environment)
        #expect(mail.exitCode == 69 && warnings(mail).count == 1 && mail.errors.contains("~/.netrc"), "\(mail.errors)")
        let probe = try await ProgramRun(
            ["availability", "probe", "http://me:hunter2@127.0.0.1:1/", "--quiet"], environment: environment)
        #expect(probe.exitCode == 69 && warnings(probe).count == 1, "\(probe.errors)")
    }
}
