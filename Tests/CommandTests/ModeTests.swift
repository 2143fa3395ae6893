import Foundation
import Postgres
import TestSupport
import Testing

/// Who may read what the commands write: the owner alone, unless `--mode` says otherwise, whatever the shell's mask.
@Suite struct ModeTests {
    /// Runs the program under a mask of its own.
    private func daybook(_ mask: String, _ arguments: [String]) async throws -> ProgramRun {
        try await ProgramRun(
            ["-c", "umask \"$1\" && shift && exec \"$@\"", "sh", mask, ProgramRun.daybook] + arguments,
            program: "/bin/sh")
    }

    /// A command for each kind of output, with its exit code.
    private func commands(_ folder: ScratchFolder) throws -> [(arguments: [String], exitCode: Int32)] {
        let letters = folder.file("templates/letters")
        try FileManager.default.createDirectory(atPath: letters, withIntermediateDirectories: true)
        _ = try folder.write("Subject: Hello\n\nDear {{name}},\n", to: "templates/letters/hello.txt")
        let month = ["--month", "2026-10", "--quiet", "--output", folder.file("out")]
        return [
            (["report", "sla", "--no-tasks"] + month, 0),
            (
                [
                    "report", "run", "failures", "--param", "month=2026-10", "--quiet", "--output", folder.file("out"),
                ], 0
            ),
            (
                ["report", "statement", "--account", "customer2", "--email", "--from", "finance@example.org"] + month,
                0
            ),
            (["report", "statement", "--all"] + month, 0),
            (["retention", "plan", "--as-of", "2026-11-05", "--output", folder.file("out/plans")], 0),
            (["ledger", "verify", "--format", "xlsx", "--output", folder.file("out/a/b/findings.xlsx")], 2),
            (["ledger", "verify", "--format", "csv", "--output", folder.file("out/findings.csv")], 2),
            (
                [
                    "letter", "hello", "--to", "a@example.com", "--from", "b@example.org", "--set", "name=Ada",
                    "--templates", folder.file("templates"), "--output", folder.file("out/hello.eml"),
                ], 0
            ),
        ]
    }

    @Test(arguments: [
        ("000", nil, "600", "700"), ("022", nil, "600", "700"), ("000", "0640", "640", "750"),
        ("077", "0644", "644", "755"),
    ])
    func `every output has the permissions that were asked for`(
        mask: String, mode: String?, file: String, directory: String
    ) async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            try await withLogin(settings) { reader in
                for (arguments, exitCode) in try commands(folder) {
                    // A custom report is refused to a superuser.
                    let login = arguments[1] == "run" ? reader : settings
                    let database = arguments[0] == "letter" ? [] : ["--database", Deployment.conninfo(login)]
                    let run = try await daybook(mask, arguments + (mode.map { ["--mode", $0] } ?? []) + database)
                    #expect(run.exitCode == exitCode, "\(arguments): \(run.errors)")
                }
            }
            let all = try folder.permissions().filter { $0.key.hasPrefix("out/") }
            for ending in [".xlsx", ".html", ".csv", "manifest.json", ".eml", "findings.xlsx", "plan.csv", "outbox/"] {
                #expect(all.keys.contains { $0.hasSuffix(ending) }, "no \(ending)")
            }
            for (name, permissions) in all {
                #expect(permissions == (name.hasSuffix("/") ? directory : file), "\(name): \(permissions)")
            }
        }
    }

    @Test func `a folder that was there stays as it was, and what is replaced in it becomes its owner's alone`()
        async throws
    {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let arguments = [
                "report", "sla", "--month", "2026-10", "--quiet", "--format", "html", "--output", folder.file("out"),
                "--database", Deployment.conninfo(settings),
            ]
            #expect(try await daybook("022", arguments + ["--mode", "0644"]).exitCode == 0)
            #expect(try await daybook("022", arguments).exitCode == 0)
            #expect(
                try folder.permissions() == [
                    "out/": "755", "out/sla-2026-10/": "700", "out/sla-2026-10/manifest.json": "600",
                    "out/sla-2026-10.html": "600",
                ])
        }
    }

    @Test func `a group that owns the output folder keeps what is written to it`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            try FileManager.default.createDirectory(atPath: folder.file("out"), withIntermediateDirectories: false)
            let sudo = getuid() == 0 ? [] : ["/usr/bin/sudo", "--non-interactive"]
            try Command.run(sudo + ["/bin/chgrp", "games", folder.file("out")])
            try Command.run(sudo + ["/bin/chmod", "2750", folder.file("out")])
            let run = try await daybook(
                "077",
                [
                    "report", "sla", "--month", "2026-10", "--quiet", "--no-tasks", "--output", folder.file("out"),
                    "--database", Deployment.conninfo(settings), "--mode", "0640",
                ])
            #expect(run.exitCode == 0, "\(run.errors)")
            let group = try #require(getgrnam("games")).pointee.gr_gid
            for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
                var status = stat()
                #expect(lstat(folder.file(name), &status) == 0 && status.st_gid == group, "\(name)")
            }
        }
    }

    @Test(arguments: ["0666", "0777", "0700", "0400", "064", "00640", "1640", "rw-", "-640"])
    func `what is no sensible mode is refused`(mode: String) async throws {
        let run = try await daybook("022", ["report", "sla", "--month", "2026-10", "--mode=\(mode)"])
        #expect(run.exitCode == 64 && run.errors.contains("is no mode of a file"), "\(run.errors)")
    }

    @Test(arguments: ["000", "077"])
    func `of a new pair of keys the secret half is its owner's and the other everybody's`(mask: String) async throws {
        let folder = try ScratchFolder()
        #expect(try await daybook(mask, ["keys", "statement-init", folder.file("key")]).exitCode == 0)
        #expect(try folder.permissions() == ["key": "600", "key.pub": "644"])
    }
}
