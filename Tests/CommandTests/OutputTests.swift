import Foundation
import Postgres
import TestSupport
import Testing

/// Outputs appear complete or not at all, whatever happens on the way.
@Suite(.serialized) struct OutputTests {
    /// Runs that are killed: 50 here, more with `DAYBOOK_KILLS`.
    private static let kills = Int(ProcessInfo.processInfo.environment["DAYBOOK_KILLS"] ?? "") ?? 50

    @Test func `killed at any moment, every path is the old one or the new one, complete`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let base = [
                "report", "sla", "--quiet", "--output", folder.path, "--database", Deployment.conninfo(settings),
                "--month", "2026-10",
            ]
            // Two reports that differ in every file: another cutoff.
            let variants = [[], ["--cutoff", "2026-10-20T00:00:00Z"]]
            var complete: [[String: [String: Data]]] = []
            let started = Date()
            for variant in variants {
                #expect(try await ProgramRun(base + variant).exitCode == 0)
                complete.append(try Self.byPath(folder))
            }
            var duration = Date().timeIntervalSince(started) / 2
            var generator = SystemRandomNumberGenerator()
            var killed = 0
            for round in 0..<Self.kills {
                let begun = Date()
                let run = try await ProgramRun(
                    base + variants[round % 2], killAfter: Double.random(in: 0...(duration * 1.1), using: &generator))
                if run.exitCode == 137 { killed += 1 }
                // What else runs on the machine may have slowed the first two down.
                if run.exitCode == 0 { duration = min(duration, Date().timeIntervalSince(begun)) }
                for (path, files) in try Self.byPath(folder) {
                    let isWhole = complete.contains { $0[path] == files }
                    #expect(isWhole, "\(path) is neither the old nor the new one after round \(round)")
                }
            }
            #expect(killed > Self.kills / 3, "only \(killed) of \(Self.kills) runs were killed")
            // The next run removes what the killed ones left behind.
            #expect(try await ProgramRun(base).exitCode == 0)
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
                $0.hasPrefix(".daybook-")
            }
            #expect(left.isEmpty, "\(left)")
        }
    }

    /// The files of each visible path in the folder, without the manifest: the workbook, the page, and the folder as a whole.
    private static func byPath(_ folder: ScratchFolder) throws -> [String: [String: Data]] {
        var paths: [String: [String: Data]] = [:]
        for (name, data) in try folder.contents() where !name.hasPrefix(".daybook-") && !name.hasSuffix("manifest.json")
        {
            paths[name.split(separator: "/").first.map(String.init) ?? name, default: [:]][name] = data
        }
        return paths
    }

    @Test func `a full disk is one sentence, and the old report stays`() async throws {
        try await withSample { settings in
            let disk = try SmallDisk(kilobytes: 6_000)
            let base = [
                "report", "sla", "--quiet", "--output", disk.path, "--database", Deployment.conninfo(settings),
                "--month", "2026-10",
            ]
            #expect(try await ProgramRun(base + ["--format", "html"]).exitCode == 0)
            let page = FileManager.default.contents(atPath: disk.path + "/sla-2026-10.html")
            try disk.fill(leaving: 300)
            for format in ["xlsx", "csv", "html,csv,xlsx"] {
                let run = try await ProgramRun(base + ["--format", format])
                #expect(run.exitCode == 73, "\(format): \(run.exitCode) \(run.errors)")
                #expect(
                    run.errors.contains("full") || run.errors.contains("space") || run.errors.contains("room"),
                    "\(run.errors)")
                #expect(FileManager.default.contents(atPath: disk.path + "/sla-2026-10.html") == page)
                #expect(!FileManager.default.fileExists(atPath: disk.path + "/sla-2026-10.xlsx"))
            }
        }
    }

    @Test func `strict tells a broken promise by its exit code`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let base = [
                "report", "sla", "--quiet", "--output", folder.path, "--database", Deployment.conninfo(settings),
                "--format", "csv",
            ]
            #expect(try await ProgramRun(base + ["--month", "2026-10", "--strict"]).exitCode == 2)
            #expect(try await ProgramRun(base + ["--month", "2026-10"]).exitCode == 0)
            #expect(try await ProgramRun(base + ["--month", "2025-01", "--strict"]).exitCode == 0)
        }
    }

    @Test func `results go to standard output, progress to standard error, and quiet is quiet`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let base = [
                "report", "sla", "--output", folder.path, "--database", Deployment.conninfo(settings), "--month",
                "2026-10", "--format", "csv",
            ]
            let run = try await ProgramRun(base)
            #expect(
                run.output.contains("completion") && run.output.contains("92.5547")
                    && run.output.contains("/promises.csv"))
            #expect(run.errors.contains("counting completion"))
            #expect(!run.output.contains("\u{1B}") && !run.errors.contains("\u{1B}"))
            #expect(try await ProgramRun(base + ["--quiet"]).errors.isEmpty)
        }
    }
}
