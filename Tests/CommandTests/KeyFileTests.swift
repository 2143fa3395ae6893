import Foundation
import TestSupport
import Testing

/// Files that hold a secret are read only where nobody else can read them. No database is reached: a key that is taken
/// shows by the next thing that fails.
@Suite struct KeyFileTests {
    private static let key = String(repeating: "0a", count: 32)

    /// A command for each option that names such a file.
    private static let commands: [[String]] = [
        ["daybook", "report", "statement", "--month", "2026-10", "--account", "customer2", "--key"],
        ["daybook", "close", "month", "2026-10", "--key"],
        ["daybook", "retention", "purge", "--yes", "--key-file"],
        ["daybook", "retention", "carry-forward", "--yes", "--key-file"],
        ["daybook", "retention", "restore", "manifest.json", "--key-file"],
        ["daybookd", "work", "--provider-key-file"],
    ]

    /// Runs every command with a key file, and gives up where one does not come to an end.
    private func run(_ path: String) async throws -> [ProgramRun] {
        var runs: [ProgramRun] = []
        for command in Self.commands {
            let program = RunningProgram.path(command[0])
            runs.append(
                try await ProgramRun(
                    ["30", program] + command.dropFirst() + [path], program: "/usr/bin/timeout",
                    environment: ["DATABASE_URL": "host=/nowhere", "DAYBOOK_HOME": "/nowhere"]))
        }
        return runs
    }

    private func expectTaken(_ path: String) async throws {
        for run in try await run(path) { #expect(run.exitCode == 69, "\(run.exitCode) \(run.errors)") }
    }

    private func expectRefused(_ path: String, _ sentence: String) async throws {
        for run in try await run(path) {
            #expect(run.exitCode == 78 && run.errors.contains(sentence), "\(run.exitCode) \(run.errors)")
            #expect(!run.errors.contains("0a0a"))
        }
    }

    @Test(arguments: [0o600, 0o400] as [mode_t])
    func `a file that nobody else can read is taken`(mode: mode_t) async throws {
        let folder = try ScratchFolder()
        let path = try folder.write(Self.key, to: "key")
        #expect(chmod(path, mode) == 0)
        try await expectTaken(path)
        // As orchestrators mount secrets: what counts is the file that the link leads to.
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: path)
        try await expectTaken(folder.file("link"))
    }

    @Test(arguments: [0o644, 0o640, 0o604, 0o620, 0o601] as [mode_t])
    func `a file that others can read or change is refused, with what mends it`(mode: mode_t) async throws {
        let folder = try ScratchFolder()
        let path = try folder.write(Self.key, to: "key")
        #expect(chmod(path, mode) == 0)
        try await expectRefused(path, "chmod 600 \(path)")
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: path)
        try await expectRefused(folder.file("link"), "chmod 600")
    }

    @Test func `what is no file is refused, and a pipe keeps nobody waiting`() async throws {
        let folder = try ScratchFolder()
        #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
        for path in [folder.file("pipe"), folder.path, "/dev/zero"] { try await expectRefused(path, "is no file") }
        try await expectRefused(folder.file("missing"), "There is no key file")
        let long = try folder.write(secret: String(repeating: "0", count: 20_000), to: "long")
        try await expectRefused(long, "bytes; that is no key")
    }

    @Test func `a public key is nobody's secret, and a pipe in its place keeps nobody waiting`() async throws {
        let folder = try ScratchFolder()
        let key = try folder.write("0a", to: "key.pub")
        #expect(mkfifo(folder.file("pipe"), 0o644) == 0)
        for (path, sentence) in [(key, "holds no public key"), (folder.file("pipe"), "is no file")] {
            let run = try await ProgramRun(
                ["30", ProgramRun.daybook, "report", "check", folder.path, "--key", path], program: "/usr/bin/timeout")
            #expect(run.exitCode == 78 && run.errors.contains(sentence), "\(run.errors)")
        }
    }
}
