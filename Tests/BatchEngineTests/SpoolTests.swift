import Domain
import Formats
import Foundation
import TestSupport
import Testing

@testable import BatchEngine

/// The file into which a worker writes what the provider answers, and what others read of it.
@Suite struct SpoolTests {
    private static let database = spoolDatabase

    private static func answer(_ number: Int) -> AnswerSpool.Answer { spoolAnswer(number) }

    private static func answers(_ file: AbandonedSpool) throws -> [AnswerSpool.Answer] {
        try file.next(.max, for: database).map(\.answer)
    }

    @Test func `only files of our own are a dead worker's answers`() throws {
        let folder = try ScratchFolder()
        let line = "\(Self.answer(1).userID) \(Hexadecimal.text(Self.answer(1).nonce)) task-1\n"
        for name in ["mine", "theirs", "elsewhere"] { _ = try folder.write(line, to: "answers-\(name).log") }
        try FileManager.default.moveItem(
            atPath: folder.file("answers-elsewhere.log"), toPath: folder.file("elsewhere"))
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("answers-link.log"), withDestinationPath: folder.file("elsewhere"))
        // A pipe keeps nobody waiting.
        #expect(mkfifo(folder.file("answers-pipe.log"), 0o600) == 0)
        let sudo = getuid() == 0 ? [] : ["/usr/bin/sudo", "--non-interactive"]
        try Command.run(sudo + ["/bin/chown", "nobody", folder.file("answers-theirs.log")])
        try Command.run(sudo + ["/bin/chmod", "666", folder.file("answers-theirs.log")])

        let spool = try AnswerSpool(folder: folder.path, database: Self.database)
        let files = spool.abandonedNames().compactMap(spool.abandoned)
        #expect(try files.map(Self.answers) == [[Self.answer(1)]])
        for file in files { file.remove() }
        spool.end()
        #expect(try folder.contents().keys.sorted() == ["answers-link.log", "answers-theirs.log", "elsewhere"])
    }

    @Test func `a line is whole, or it is not read`() throws {
        let line = SpoolLine.bytes(Self.answer(7), of: Self.database).dropLast()
        let whole = SpoolLine.answer(Self.answer(7), of: Self.database)
        #expect(SpoolLine(line, isEnded: true) == whole)
        // Only its end is missing: the checksum says that nothing else is.
        #expect(SpoolLine(line, isEnded: false) == whole)
        for length in 0..<line.count {
            #expect(SpoolLine(line.prefix(length), isEnded: true) == .unreadable)
            #expect(SpoolLine(line.prefix(length), isEnded: false) == .unreadable)
        }
        for index in line.indices {
            var other = Array(line)
            other[index] ^= 1
            #expect(SpoolLine(other, isEnded: true) != whole)
        }
    }

    @Test func `a line of the version before is read where it has its end`() throws {
        let answer = Self.answer(7)
        let line = Array("\(answer.userID) \(Hexadecimal.text(answer.nonce)) \(answer.providerTaskID)".utf8)
        #expect(SpoolLine(line, isEnded: true) == .answer(answer, of: nil))
        // Its id may go on where the file ends.
        #expect(SpoolLine(line, isEnded: false) == .unreadable)
        let strange = ["c0ffee \(Hexadecimal.text(answer.nonce)) id", "\(answer.userID) 0a0a id", "", "3", "\u{FEFF}"]
        for text in strange {
            #expect(SpoolLine(Array(text.utf8), isEnded: true) == (text == "3" ? .later : .unreadable))
        }
    }

    @Test func `the file is cut while work goes on, and has what the database does not`() throws {
        let folder = try ScratchFolder()
        let spool = try AnswerSpool(folder: folder.path, database: Self.database)
        let name = try #require(folder.contents().keys.first)
        var most = 0
        // There are always 32 submissions of which the database knows nothing yet.
        for number in 0..<20_000 {
            try spool.append(Self.answer(number))
            if number >= 32 { spool.forget([Self.answer(number - 32).nonce]) }
            var status = stat()
            #expect(stat(folder.file(name), &status) == 0)
            most = max(most, Int(status.st_size))
        }
        #expect(most > Limits.spoolBytes / 2 && most < Limits.spoolBytes + Limits.spoolLineBytes)
        #expect(try folder.contents().count == 1)
        // Nobody takes a living worker's file, the one that was put in its place included.
        #expect(try AnswerSpool(folder: folder.path, database: Self.database).abandoned(name) == nil)
        let text = try #require(folder.contents()[name])
        let lines = text.split(separator: UInt8(ascii: "\n")).suffix(32).map { SpoolLine($0, isEnded: true) }
        #expect(lines == (20_000 - 32..<20_000).map { .answer(Self.answer($0), of: Self.database) })

        spool.forget((0..<20_000).map { Self.answer($0).nonce })
        #expect(try folder.contents()[name]?.isEmpty == true)
        spool.end()
        #expect(try folder.contents()[name] == nil)
    }

    @Test func `a disk that is full while the file is cut loses nothing`() throws {
        let disk = try SmallDisk(kilobytes: 1_000)
        let spool = try AnswerSpool(folder: disk.path, database: Self.database)
        let count = 2 * Limits.spoolBytes / SpoolLine.bytes(Self.answer(10_000), of: Self.database).count
        for number in 10_000..<10_000 + count { try spool.append(Self.answer(number)) }
        try disk.fill(leaving: 4)
        // A third is kept, which is to be written anew, and there is no room for it.
        spool.forget((10_000..<10_000 + 2 * count / 3).map { Self.answer($0).nonce })
        let names = try FileManager.default.contentsOfDirectory(atPath: disk.path).filter { $0 != "ballast" }
        #expect(names.count == 1)
        let file = disk.path + "/" + names[0]
        let lines = try #require(FileManager.default.contents(atPath: file)).split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == count)
        #expect(SpoolLine(lines[count - 1], isEnded: true) == .answer(Self.answer(9_999 + count), of: Self.database))
    }

    @Test func `of two workers in one folder one has a dead worker's file`() throws {
        let folder = try ScratchFolder()
        let name = try deadSpool(in: folder.path, Self.database, [Self.answer(1)])
        let one = try AnswerSpool(folder: folder.path, database: Self.database)
        let other = try AnswerSpool(folder: folder.path, database: Self.database)
        var file = one.abandoned(name)
        #expect(file != nil && other.abandoned(name) == nil)
        // The first died within its work: the second finds all of it.
        file = nil
        let again = try #require(other.abandoned(name))
        #expect(try Self.answers(again) == [Self.answer(1)])
        again.remove()
        #expect(one.abandoned(name) == nil)
    }
}

/// A database that is nowhere.
let spoolDatabase: DatabaseIdentity = {
    guard let identity = DatabaseIdentity("7512345678901234567-16384") else { preconditionFailure("two numbers") }
    return identity
}()

/// An answer that no other number has.
func spoolAnswer(_ number: Int) -> AnswerSpool.Answer {
    AnswerSpool.Answer(
        userID: "00000000-0000-4000-8000-000000000001",
        nonce: (0..<16).map { UInt8(truncatingIfNeeded: number >> (8 * min($0, 7))) }, providerTaskID: "task-\(number)")
}

/// Leaves the file of a worker that died, and gives its name.
func deadSpool(
    in folder: String, _ database: DatabaseIdentity, _ answers: [AnswerSpool.Answer]
) throws -> String {
    let before = Set((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    let spool = try AnswerSpool(folder: folder, database: database)
    for answer in answers { try spool.append(answer) }
    let after = Set(try FileManager.default.contentsOfDirectory(atPath: folder))
    guard let name = after.subtracting(before).first else { throw TestSupportError("there is no spool") }
    return name
}
