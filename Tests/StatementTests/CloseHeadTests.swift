import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Documents
@testable import Ledger

/// The head of all closes: whoever wrote it down finds what was removed or altered since, the newest link too.
@Suite struct CloseHeadTests {
    /// Closes or opens a month, and gives the line that was handed on.
    private static func run(
        _ arguments: [String], _ settings: ConnectionSettings, log: String
    ) async throws -> String {
        let handing = arguments + ["--head-to", "cat >> '\(log)'"]
        let isMonth = arguments.first == "month"
        let accept = isMonth ? ["--accept", "customer5", "--reason", "looked at"] : []
        let run = try await daybook(settings, ["close"] + handing + accept)
        #expect(run.exitCode == 0, "\(run.errors)")
        let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
        let line = try #require(lines.last)
        let words = line.split(separator: " ")
        #expect(words.count == 4 && words[0] == "close" && words[1].count == 64, "\(line)")
        #expect(run.output.contains("Head of the closes: \(words[1])\n"), "\(run.output)")
        return line
    }

    private static func digest(_ line: String) -> String { String(line.split(separator: " ")[1]) }

    @Test func `every record's head holds for ever, and finds its record when it is removed`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let log = folder.file("heads")
            var lines: [String] = []
            for arguments in [
                ["month", "2026-09", "--quiet", "--account", "customer5"],
                ["month", "2026-09", "--quiet", "--account", "customer7"],
                ["month", "2026-10", "--quiet", "--account", "customer5"],
                ["reopen", "2026-10", "--account", "customer5", "--reason", "x"],
                ["month", "2026-10", "--quiet", "--account", "customer5"],
            ] { lines.append(try await Self.run(arguments, settings, log: log)) }
            #expect(lines.map { $0.split(separator: " ")[2] } == ["1", "2", "3", "4", "5"])
            func list(_ heads: [String]) async throws -> ProgramRun {
                try await daybook(settings, ["close", "list"] + heads.flatMap { ["--head", $0] })
            }
            let whole = try await list(lines + lines.map(Self.digest))
            #expect(whole.exitCode == 0 && whole.output.contains("0 have followed"), "\(whole.output)")
            #expect(whole.output.contains("Head of the closes: \(Self.digest(lines[4]))\n"))
            #expect(try await list([String(repeating: "a", count: 64)]).exitCode == 2)
            for wrong in ["abc", "certificate " + lines[0].dropFirst(6), "five=\(lines[0])"] {
                #expect(try await list([wrong]).exitCode == 64, "\(wrong)")
            }
            // The newest link goes without a trace: the account's own chain still holds, the head does not.
            try await execute(
                """
                DELETE FROM daybook.month_close_file WHERE month = '2026-10-01' AND revision = 2;
                DELETE FROM daybook.month_close WHERE month = '2026-10-01' AND revision = 2
                """, in: settings)
            #expect(try await list([]).exitCode == 0)
            #expect(try await list(Array(lines[0...3])).exitCode == 0)
            for head in [lines[4], Self.digest(lines[4])] {
                let run = try await list([head])
                #expect(run.exitCode == 2 && run.output.contains("it ends with record 4"), "\(run.output)")
            }
            let named = try await list([lines[4]])
            #expect(named.output.contains("record 5 is missing"), "\(named.output)")
            // So does the record of a reopening, and with it the first revision is in force again.
            try await execute("DELETE FROM daybook.month_reopen", in: settings)
            let reopening = try await list([lines[3]])
            #expect(reopening.exitCode == 2 && reopening.output.contains("record 4 is missing"), "\(reopening.output)")
            #expect(try await list([lines[2]]).exitCode == 0)
        }
    }

    @Test func `the head covers the files that were kept, and the rows that were behind them`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let line = try await Self.run(
                ["month", "2026-10", "--quiet", "--account", "customer5"], settings, log: folder.file("heads"))
            for (change, back) in [
                ("month_close_file SET sha256 = 'x' || sha256", "month_close_file SET sha256 = substr(sha256, 2)"),
                ("month_close SET entry_ids[1] = entry_ids[1] + 1", "month_close SET entry_ids[1] = entry_ids[1] - 1"),
                (
                    "month_close SET entry_credits[1] = entry_credits[1] + 1",
                    "month_close SET entry_credits[1] = entry_credits[1] - 1"
                ),
                ("month_close SET closed_by = 'x' || closed_by", "month_close SET closed_by = substr(closed_by, 2)"),
            ] {
                try await execute("UPDATE daybook." + change, in: settings)
                let run = try await daybook(settings, ["close", "list", "--head", line])
                #expect(run.exitCode == 2 && run.output.contains("record 1"), "\(change): \(run.output)")
                try await execute("UPDATE daybook." + back, in: settings)
                #expect(try await daybook(settings, ["close", "list", "--head", line]).exitCode == 0, "\(back)")
            }
        }
    }

    @Test func `an account's own hash is looked for in its chain, by name where it has one`() async throws {
        try await withSample { settings in
            for month in ["2026-09", "2026-10"] {
                let run = try await closing(settings, [month, "--account", "customer5", "--quiet"])
                #expect(run.exitCode == 0, "\(run.errors)")
            }
            let statement = try await StatementRuns(settings, ["--month", "2026-10", "--account", "customer5"])
            let manifest = try #require(
                FileManager.default.contents(atPath: statement.folder.file("statement-customer5-2026-10/manifest.json"))
            )
            let document = try StatementManifest(json: Array(manifest))
            let heads = ["--head", document.chain.hash, "--head", "customer5=" + document.chain.previous]
            let whole = try await daybook(settings, ["close", "list"] + heads)
            #expect(
                whole.exitCode == 0 && whole.output.contains("is the close of 2026-10 of customer5"), "\(whole.output)")
            let other = try await daybook(settings, ["close", "list", "--head", "customer7=" + document.chain.hash])
            #expect(other.exitCode == 2, "\(other.output)")
            let nobody = try await daybook(settings, ["close", "list", "--head", "nobody=" + document.chain.hash])
            #expect(
                nobody.output.hasSuffix(
                    "\nnobody has no close with the hash \(document.chain.hash) any more: there is no account "
                        + "\"nobody\"; see: daybook accounts list.\n"), "\(nobody.output)")
            try await execute(
                "DELETE FROM daybook.month_close_file WHERE month = '2026-10-01'; DELETE FROM daybook.month_close WHERE month = '2026-10-01'",
                in: settings)
            let removed = try await daybook(settings, ["close", "list", "--head", "customer5=" + document.chain.hash])
            #expect(removed.exitCode == 2 && removed.output.contains("its newest is 2026-09"), "\(removed.output)")
        }
    }

    @Test func `a command that does not take the head is said, and what was closed stays closed`() async throws {
        try await withSample { settings in
            let run = try await daybook(
                settings,
                [
                    "close", "month", "2026-10", "--account", "customer5", "--quiet", "--accept", "customer5",
                    "--reason", "looked at", "--head-to",
                    "read kind head rest; echo \"took $kind\"; exit 3",
                ])
            #expect(run.exitCode == 2, "\(run.errors)")
            #expect(run.errors.contains("took close") && run.errors.contains("ended with 3"), "\(run.errors)")
            #expect(run.errors.contains("What the run did stands") && run.output.contains("Head of the closes: "))
            #expect(try await daybook(settings, ["close", "list"]).output.contains("customer5"))
        }
    }

    @Test func `a command is given a line and its own time, and does not outlive it`() async throws {
        let folder = try ScratchFolder()
        let head = ChainHead(
            kind: .close, digest: String(repeating: "a", count: 64), sequence: 7, readAt: Instant(microseconds: 0))
        try await HeadCommand("cat > '\(folder.file("head"))'").give(head)
        let line = try String(contentsOfFile: folder.file("head"), encoding: .utf8)
        #expect(line == "close \(head.digest) 7 1970-01-01T00:00:00.000000+00:00\n", "\(line)")
        // One that does not read, and one that leaves something behind that goes on.
        try await HeadCommand("exec <&-").give(head)
        try await HeadCommand("sleep 600 & echo $! > '\(folder.file("left"))'").give(head)
        let left = try #require(pid_t(try String(contentsOfFile: folder.file("left"), encoding: .utf8).dropLast()))
        #expect(kill(left, SIGKILL) == 0)
        // Whoever has the pipe open for writing lives: its end is read when nobody does any more.
        #expect(mkfifo(folder.file("alive"), 0o600) == 0)
        let reader = open(folder.file("alive"), O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        defer { close(reader) }
        let error = await #expect(throws: DaybookError.self) {
            try await HeadCommand("sleep 600 > '\(folder.file("alive"))' & wait", timeoutSeconds: 1).give(head)
        }
        #expect(error?.sentence.contains("did not end within 1 s") == true)
        #expect(fcntl(reader, F_SETFL, 0) == 0)
        var byte: UInt8 = 0
        #expect(read(reader, &byte, 1) == 0)
    }
}
