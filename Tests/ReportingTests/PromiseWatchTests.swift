import Foundation
import Postgres
import TestSupport
import Testing

/// What is told of promises that turn while a month goes on.
@Suite struct PromiseWatchTests {
    private static func look(
        _ settings: ConnectionSettings, _ folder: ScratchFolder, at cutoff: String, _ more: [String] = []
    ) async throws -> ProgramRun {
        try await ProgramRun(
            [
                "report", "sla", "--month", "2026-10", "--watch", "--cutoff", cutoff, "--quiet", "--output",
                folder.path, "--database", Deployment.conninfo(settings),
            ] + more)
    }

    @Test func `a promise that turned is told and mailed once, and what stays as it was is not`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let mail = ["--tell", "ops@example.org", "--from", "daybook@example.org"]
            func letters() throws -> [String] {
                try folder.contents().filter { $0.key.hasSuffix(".eml") }.map {
                    String(decoding: $0.value, as: UTF8.self)
                }
            }
            let first = try await Self.look(settings, folder, at: "2026-10-21T00:00:00Z", mail)
            #expect(first.exitCode == 2, "\(first.errors)")
            #expect(first.output.contains("completion, sora-2: recoverable (needs "), "\(first.output)")
            #expect(first.output.contains("availability, batch-api: at risk\n"))
            #expect(!first.output.contains("idempotency") && first.output.contains("ops@example.org: handed over"))
            #expect(try letters().count == 1)
            #expect(try letters()[0].contains("To: ops@example.org"))

            let second = try await Self.look(settings, folder, at: "2026-10-21T00:00:00Z", mail)
            #expect(second.exitCode == 2)
            #expect(second.output == "No promise of 2026-10 turned since the last look.\n")
            #expect(try letters().count == 1)
            // Nothing but the memory and the letter is written.
            #expect(
                Set(
                    try folder.contents().keys.map { ($0 as NSString).lastPathComponent }.filter {
                        !$0.hasSuffix(".eml")
                    })
                    == ["sla-watch-2026-10.json"])

            let last = try await Self.look(settings, folder, at: "2026-11-02T00:10:00Z", mail)
            #expect(last.exitCode == 2)
            #expect(last.output.contains("completion, sora-2: lost, before: recoverable\n"), "\(last.output)")
            #expect(last.output.contains("availability, batch-api: on track, before: at risk\n"))
            #expect(!last.output.contains("auto_refund: "))
            #expect(try letters().count == 2)
        }
    }

    @Test func `a month in which all is well ends with 0, and a memory of another month is refused`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let quiet = try await Self.look(settings, folder, at: "2026-10-01T00:00:00Z", ["--account", "customer8"])
            #expect(quiet.exitCode == 0, "\(quiet.output)\(quiet.errors)")
            _ = try folder.write("{\"month\":\"2026-09\",\"standings\":[]}", to: "sla-watch-2026-10.json")
            let refused = try await Self.look(settings, folder, at: "2026-10-21T00:00:00Z")
            #expect(refused.exitCode == 65 && refused.errors.contains("remove it to begin anew"), "\(refused.errors)")
        }
    }

    @Test func `what a look does not do is refused`() async throws {
        let folder = try ScratchFolder()
        for wrong in [["--all"], ["--record"], ["--strict"], ["--tell", "nobody"], ["--force"]] {
            let run = try await ProgramRun(
                ["report", "sla", "--month", "2026-10", "--watch", "--output", folder.path, "--from", "a@example.org"]
                    + wrong)
            #expect(run.exitCode == 64, "\(wrong): \(run.errors)")
        }
        let alone = try await ProgramRun(["report", "sla", "--month", "2026-10", "--tell", "ops@example.org"])
        #expect(alone.exitCode == 64)
    }
}
