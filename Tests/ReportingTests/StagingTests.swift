import Foundation
import Reporting
import TestSupport
import Testing

/// The hidden folder in which outputs are made goes with its run, whenever that is killed.
struct StagingTests {
    @Test func `what a killed run left is removed by the next, whatever step it was killed at`() throws {
        let folder = try ScratchFolder()
        let files = FileManager.default
        // Killed before there was a lock file, with a lock file alone, and with outputs under way.
        for name in ["1-1", "1-2", "1-3"] {
            try files.createDirectory(atPath: folder.file(".daybook-\(name)"), withIntermediateDirectories: false)
        }
        for name in ["1-2", "1-3"] { _ = try folder.write("", to: ".daybook-\(name)/.lock") }
        try files.createDirectory(atPath: folder.file(".daybook-1-3/csv"), withIntermediateDirectories: false)
        _ = try folder.write("a", to: ".daybook-1-3/csv/a.csv")
        // One that is at work, and a folder of somebody else's that only looks like one.
        let living = try StagingFolder(output: folder.path)
        _ = try folder.write("b", to: (living.path as NSString).lastPathComponent + "/b.html")
        try files.createDirectory(atPath: folder.file(".daybook-notes"), withIntermediateDirectories: false)
        _ = try folder.write("mine", to: ".daybook-notes/file")

        let next = try StagingFolder(output: folder.path)
        let names = Set(try files.contentsOfDirectory(atPath: folder.path).map { folder.file($0) })
        #expect(names == [living.path, next.path, folder.file(".daybook-notes")])
        #expect(files.fileExists(atPath: living.file("b.html")))
    }

    @Test func `the lock file is the last to go`() async throws {
        let folder = try ScratchFolder()
        for round in 0..<200 {
            var staging: StagingFolder? = try StagingFolder(output: folder.path)
            let path = try #require(staging).path
            for name in ["a", "b.csv", "zz", "\(round)"] {
                _ = try folder.write(name, to: (path as NSString).lastPathComponent + "/" + name)
            }
            let watcher = Task.detached { () -> [String]? in
                while let names = try? FileManager.default.contentsOfDirectory(atPath: path) {
                    if !names.isEmpty, !names.contains(".lock") { return names }
                }
                return nil
            }
            staging = nil
            #expect(await watcher.value == nil, "in round \(round) a folder without its lock file held something")
        }
    }

    @Test func `runs that begin at the same moment leave each other's folders alone`() async throws {
        let folder = try ScratchFolder()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for run in 0..<8 {
                group.addTask {
                    for round in 0..<50 {
                        let staging = try StagingFolder(output: folder.path)
                        try "\(run) \(round)".write(
                            toFile: staging.file("page.html"), atomically: false, encoding: .utf8)
                        try staging.publish("page.html")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["page.html"])
    }
}
