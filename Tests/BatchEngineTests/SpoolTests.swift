import Foundation
import TestSupport
import Testing

@testable import BatchEngine

/// What workers read of what dead ones left behind.
@Suite struct SpoolTests {
    private static let line = "c0ffee \(String(repeating: "0a", count: 16)) task-1\n"

    @Test func `only files of our own are a dead worker's answers`() throws {
        let folder = try ScratchFolder()
        for name in ["mine", "theirs", "elsewhere"] { _ = try folder.write(Self.line, to: "answers-\(name).log") }
        try FileManager.default.moveItem(
            atPath: folder.file("answers-elsewhere.log"), toPath: folder.file("elsewhere"))
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("answers-link.log"), withDestinationPath: folder.file("elsewhere"))
        // A pipe keeps nobody waiting.
        #expect(mkfifo(folder.file("answers-pipe.log"), 0o600) == 0)
        let sudo = getuid() == 0 ? [] : ["/usr/bin/sudo", "--non-interactive"]
        try Command.run(sudo + ["/bin/chown", "nobody", folder.file("answers-theirs.log")])
        try Command.run(sudo + ["/bin/chmod", "666", folder.file("answers-theirs.log")])

        let spool = try AnswerSpool(folder: folder.path)
        let abandoned = spool.abandoned()
        #expect(
            abandoned.map(\.answers) == [
                [
                    AnswerSpool.Answer(
                        userID: "c0ffee", nonce: [UInt8](repeating: 10, count: 16), providerTaskID: "task-1")
                ]
            ])
        for answers in abandoned { answers.remove() }
        let left = try folder.contents().keys.sorted().filter { !$0.hasPrefix("answers-\(getpid())-") }
        #expect(left == ["answers-link.log", "answers-theirs.log", "elsewhere"])
    }
}
