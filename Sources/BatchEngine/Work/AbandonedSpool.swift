import Domain
import Foundation
import Synchronization

/// A dead process's file of answers, locked until this value goes, and read from its beginning to its end.
final class AbandonedSpool {
    let path: String
    private let descriptor: Int32
    private var reader: SpoolReader
    /// Lines that stay in the file: unreadable, of a later version, of another database, refused by ours.
    private(set) var kept = KeptLines()
    /// Lines of the version before whose submission our database does not have.
    private(set) var unclaimed = 0

    fileprivate init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
        reader = SpoolReader(descriptor)
    }

    deinit {
        close(descriptor)
    }

    /// A line that is for a database to judge.
    struct Item: Sendable {
        let number: Int
        let answer: AnswerSpool.Answer
        /// False for a line of the version before.
        let isOurs: Bool
    }

    /// The next answers, at most so many; none at the end of the file. Throws `output` where it cannot be read.
    func next(_ limit: Int, for database: DatabaseIdentity) throws -> [Item] {
        var items: [Item] = []
        while items.count < limit, let line = try reader.next() {
            switch line {
            case .answer(let answer, of: let owner) where owner == nil || owner == database:
                items.append(Item(number: reader.number, answer: answer, isOurs: owner != nil))
            case .answer: kept.note(reader.number, "another database's")
            case .later: kept.note(reader.number, "a later version's")
            case .unreadable: kept.note(reader.number, "not readable")
            }
        }
        return items
    }

    /// The database refuses a line for what it says.
    func refused(_ number: Int) { kept.note(number, "refused by the database") }

    /// Lines of the version before may be another database's.
    func notClaimed(_ count: Int) { unclaimed += count }

    /// Removes the file, once the database has what was in it.
    func remove() {
        unlink(path)
        unlink(path + SpoolName.unfinished)
    }

    /// Gives the file a name under which nobody looks for answers: nothing is written, so that a full disk is no
    /// hindrance. Gives the new path, nil where that cannot be.
    func setAside() -> String? {
        let aside = path + SpoolName.aside
        guard access(aside, F_OK) != 0, rename(path, aside) == 0 else { return nil }
        unlink(path + SpoolName.unfinished)
        return aside
    }
}

/// Lines that are kept, in numbers: how many, and where the first of them are.
struct KeptLines: CustomStringConvertible {
    private(set) var count = 0
    private var first: [String] = []

    fileprivate mutating func note(_ number: Int, _ reason: String) {
        count += 1
        if first.count < Limits.spoolLinesShown { first.append("\(number) (\(reason))") }
    }

    /// The numbers of the lines with their reasons.
    var description: String {
        first.joined(separator: ", ") + (count > first.count ? " and \(count - first.count) more" : "")
    }
}

extension AnswerSpool {
    /// The names of files that dead processes may have left for our database, in order.
    func abandonedNames() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().filter { name in
            SpoolName.mayHold(name, answersOf: database)
        }
    }

    /// How long it is from one look at the folder to the next: a second for each file in it, since each is tried and
    /// as many others look, half a minute at most. So somebody looks every second, and nobody more often than that.
    func pauseOfLooks(using random: inout some RandomNumberGenerator) -> Duration {
        let files = min(max(abandonedNames().count, 1), Limits.spoolFilesLooked)
        return .seconds(files) * Int.random(in: 80...120, using: &random) / 100
    }

    /// The paths of what was set aside, by whomever.
    func asidePaths() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().filter(SpoolName.isAside)
            .map { "\(folder)/\($0)" }
    }

    /// A dead process's file: one of ours, never a link to one, and nobody's who lives. What anybody else has put
    /// there would book tasks that nobody was asked for.
    func abandoned(_ name: String) -> AbandonedSpool? {
        let path = "\(folder)/\(name)"
        guard !left.withLock({ $0.contains(path) }) else { return nil }
        let opened = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard opened >= 0 else { return nil }
        var status = stat()
        var named = stat()
        guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(),
            flock(opened, LOCK_EX | LOCK_NB) == 0,
            // Whoever had the lock before may have removed it, or put another in its place.
            lstat(path, &named) == 0, named.st_ino == status.st_ino, named.st_dev == status.st_dev
        else {
            close(opened)
            return nil
        }
        return AbandonedSpool(path: path, descriptor: opened)
    }

    /// A file stays where it is, and this process does not look at it again.
    func leave(_ file: AbandonedSpool) {
        let path = file.path
        left.withLock { _ = $0.insert(path) }
    }
}

/// The lines of a file, whatever its size, in little memory.
private struct SpoolReader {
    private static let piece = 65_536

    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false
    /// The number of the line that was read last, from 1.
    private(set) var number = 0

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// The next line, nil at the end. One that is longer than any of ours is passed over, and is not readable.
    mutating func next() throws -> SpoolLine? {
        var isTooLong = false
        while true {
            if let end = buffer[position...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = buffer[position..<end]
                position = end + 1
                number += 1
                return isTooLong ? .unreadable : SpoolLine(line, isEnded: true)
            }
            guard !isAtEnd else {
                guard isTooLong || position < buffer.count else { return nil }
                let line = buffer[position...]
                position = buffer.count
                number += 1
                return isTooLong ? .unreadable : SpoolLine(line, isEnded: false)
            }
            if buffer.count - position > Limits.spoolLineBytes {
                isTooLong = true
                position = buffer.count
            }
            try fill()
        }
    }

    private mutating func fill() throws {
        buffer.removeFirst(position)
        position = 0
        let (before, descriptor) = (buffer.count, descriptor)
        buffer.append(contentsOf: [UInt8](repeating: 0, count: Self.piece))
        let got = buffer.withUnsafeMutableBytes { bytes in
            read(descriptor, bytes.baseAddress?.advanced(by: before), Self.piece)
        }
        guard got >= 0 else { throw DaybookError.output("A file of answers cannot be read.") }
        buffer.removeLast(Self.piece - got)
        isAtEnd = got == 0
    }
}
