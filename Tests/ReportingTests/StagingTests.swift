import Domain
import Foundation
import TestSupport
import Testing

@testable import Documents

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

    /// A staging folder with an output under way, as a killed run leaves it, and its path.
    private func abandon(_ name: String, in folder: ScratchFolder) throws -> String {
        try FileManager.default.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
        for file in [".lock", "page.html"] { _ = try folder.write("kept", to: "\(name)/\(file)") }
        return folder.file(name)
    }

    @Test func `what only looks like a dead run's folder loses nothing`() throws {
        let folder = try ScratchFolder()
        let files = FileManager.default
        // A link to a folder that looks like one, a folder that anybody could have filled, a name that we do not give.
        let elsewhere = try abandon("elsewhere", in: folder)
        try files.createDirectory(atPath: folder.file("out"), withIntermediateDirectories: false)
        try files.createSymbolicLink(atPath: folder.file("out/.daybook-1-1"), withDestinationPath: elsewhere)
        #expect(chmod(try abandon("out/.daybook-1-2", in: folder), 0o777) == 0)
        _ = try abandon("out/.daybook-of-mine", in: folder)
        // A lock that is a link: whoever holds it holds something else.
        let linked = try abandon("out/.daybook-1-3", in: folder)
        try files.removeItem(atPath: linked + "/.lock")
        try files.createSymbolicLink(atPath: linked + "/.lock", withDestinationPath: elsewhere + "/.lock")
        let before = try folder.contents()
        _ = try StagingFolder(output: folder.file("out"))
        #expect(try folder.contents() == before)
        #expect(files.fileExists(atPath: elsewhere + "/page.html"))
    }

    @Test func `a lock that is a pipe keeps nobody waiting`() throws {
        let folder = try ScratchFolder()
        let path = try abandon(".daybook-1-1", in: folder)
        try FileManager.default.removeItem(atPath: path + "/.lock")
        #expect(mkfifo(path + "/.lock", 0o600) == 0)
        _ = try StagingFolder(output: folder.path)
        #expect(FileManager.default.fileExists(atPath: path + "/page.html"))
    }

    @Test func `somebody else's folder is somebody else's to remove`() throws {
        let folder = try ScratchFolder()
        let path = try abandon(".daybook-1-1", in: folder)
        try Command.run(
            (getuid() == 0 ? [] : ["/usr/bin/sudo", "--non-interactive"]) + ["/bin/chown", "-R", "nobody", path])
        _ = try StagingFolder(output: folder.path)
        #expect(FileManager.default.fileExists(atPath: path + "/page.html"))
        try Command.run(
            (getuid() == 0 ? [] : ["/usr/bin/sudo", "--non-interactive"]) + ["/bin/rm", "-r", path])
    }

    @Test func `a link in a dead run's folder goes, and what it points to stays`() throws {
        let folder = try ScratchFolder()
        let elsewhere = try abandon("elsewhere", in: folder)
        let path = try abandon("out/.daybook-1-1", in: folder)
        try FileManager.default.createSymbolicLink(atPath: path + "/link", withDestinationPath: elsewhere)
        _ = try StagingFolder(output: folder.file("out"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("out")).isEmpty)
        #expect(FileManager.default.fileExists(atPath: elsewhere + "/page.html"))
    }

    @Test func `outputs appear in the folder that was opened, whatever takes its place meanwhile`() throws {
        let folder = try ScratchFolder()
        let files = FileManager.default
        var staging: StagingFolder? = try StagingFolder(output: folder.file("out"))
        let hidden = (try #require(staging).path as NSString).lastPathComponent
        _ = try folder.write("ours", to: "out/\(hidden)/page.html")
        try files.moveItem(atPath: folder.file("out"), toPath: folder.file("moved"))
        _ = try abandon("other/\(hidden)", in: folder)
        try files.createSymbolicLink(atPath: folder.file("out"), withDestinationPath: folder.file("other"))
        try staging?.publish("page.html")
        staging = nil
        #expect(
            try folder.contents().filter { $0.key.hasSuffix("html") }.mapValues { String(decoding: $0, as: UTF8.self) }
                == ["moved/page.html": "ours", "other/\(hidden)/page.html": "kept"])
        #expect(try files.contentsOfDirectory(atPath: folder.file("moved")) == ["page.html"])
    }

    @Test func `another folder is advised where one would do, and nowhere else`() throws {
        let folder = try ScratchFolder()
        #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
        for (isFixed, advice) in [(false, Advice.nameOtherOutput), (true, nil)] {
            let error = #expect(throws: DaybookError.self) {
                try Folder(folder.path, isFixed: isFixed).settle("pipe", mode: .ownerOnly, synchronises: false)
            }
            #expect(error?.advice == advice && error?.sentence.hasSuffix(".") == isFixed, "\(error?.sentence ?? "")")
        }
        for code in [ENOENT, ENOTDIR, EIO] { #expect(OutputError.cannotWrite("x", code).advice == nil) }
    }

    @Test func `a link that was put in the place of an output is not published`() throws {
        let folder = try ScratchFolder()
        let elsewhere = try abandon("elsewhere", in: folder)
        let staging = try StagingFolder(output: folder.file("out"))
        try FileManager.default.createSymbolicLink(atPath: staging.file("page.html"), withDestinationPath: elsewhere)
        #expect(throws: DaybookError.self) { try staging.publish("page.html") }
        #expect(throws: DaybookError.self) { _ = try staging.sink("../page.html") }
        #expect(!FileManager.default.fileExists(atPath: folder.file("out/page.html")))
    }

    @Test(arguments: [
        ("o", ".", "o"), ("out/", ".", "out"), ("/o", "/", "o"), ("a/b//c", "a/b", "c"), ("a//b/", "a", "b"),
        ("/", "/", ""), (".", ".", "."), ("é/ü", "é", "ü"),
    ])
    func `a path has a folder and a name`(path: String, folder: String, name: String) {
        let parts = Folder.parts(of: path)
        #expect(parts.folder == folder && parts.name == name)
    }
}
