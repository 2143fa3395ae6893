import Domain
import Formats
import Foundation
import Synchronization

/// A file of what the provider answered, written before the database knows it.
///
/// What a killed process wrote is in the page cache and survives it; the next worker on this machine replays it. So a
/// submission whose answer came in is never unknown, even where the database was away.
final class AnswerSpool: Sendable {
    /// An accepted submission.
    struct Answer: Hashable, Sendable {
        let userID: String
        let nonce: [UInt8]
        let providerTaskID: String
    }

    private let folder: String
    private let path: String
    /// Held while the process lives, so that nobody takes the file for a dead worker's.
    private let descriptor: Mutex<Int32>

    private static let prefix = "answers-"
    private static let suffix = ".log"

    /// Opens a spool of this process's own in a folder, which is made where it is missing. Throws `output`.
    init(folder: String) throws {
        self.folder = folder
        path = "\(folder)/\(Self.prefix)\(getpid())-\(UInt32.random(in: 0 ... .max))\(Self.suffix)"
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw DaybookError.output("The folder \(folder), for answers of the provider, cannot be made.")
        }
        // Under a name that nobody looks for, until it is locked.
        let unlocked = path + ".new"
        let opened = open(unlocked, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC, 0o600)
        guard opened >= 0, flock(opened, LOCK_EX | LOCK_NB) == 0, rename(unlocked, path) == 0 else {
            throw DaybookError.output("\(path), for answers of the provider, cannot be written.")
        }
        descriptor = Mutex(opened)
    }

    deinit {
        close(descriptor.withLock { $0 })
    }

    /// Appends an answer in one write. Throws `output` where the disk refuses it.
    func append(_ answer: Answer) throws {
        let line = "\(answer.userID) \(Hexadecimal.text(answer.nonce)) \(answer.providerTaskID)\n"
        let bytes = Array(line.utf8)
        let isWhole = descriptor.withLock { descriptor in
            let before = lseek(descriptor, 0, SEEK_END)
            if write(descriptor, bytes, bytes.count) == bytes.count { return true }
            // Half a line would be read as a part of the next one.
            _ = ftruncate(descriptor, before)
            return false
        }
        guard isWhole else {
            throw DaybookError.output("\(path), for answers of the provider, cannot be written.")
        }
    }

    /// Forgets what was appended, because the database has all of it.
    func clear() {
        descriptor.withLock { _ = ftruncate($0, 0) }
    }

    /// A dead process's file, locked until this value goes.
    final class Abandoned: Sendable {
        let answers: [Answer]
        private let path: String
        private let descriptor: Int32

        init(path: String, descriptor: Int32) {
            self.path = path
            self.descriptor = descriptor
            answers = AnswerSpool.read(descriptor)
        }

        deinit {
            close(descriptor)
        }

        /// Removes the file, once the database has what was in it.
        func remove() {
            unlink(path)
        }
    }

    /// What dead processes left behind: files of ours, never a link to one. What anybody else has put there would book
    /// tasks that nobody was asked for.
    func abandoned() -> [Abandoned] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted().filter { name in
            name.hasPrefix(Self.prefix) && name.hasSuffix(Self.suffix) && !path.hasSuffix("/" + name)
        }.compactMap { name in
            let other = folder + "/" + name
            let opened = open(other, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard opened >= 0 else { return nil }
            var status = stat()
            guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(),
                flock(opened, LOCK_EX | LOCK_NB) == 0
            else {
                close(opened)
                return nil
            }
            return Abandoned(path: other, descriptor: opened)
        }
    }

    /// Whole lines only: a process may die within a write.
    private static func read(_ descriptor: Int32) -> [Answer] {
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        guard let data = try? file.readToEnd() else { return [] }
        let text = String(decoding: data, as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().compactMap { line in
            let words = line.split(separator: " ", maxSplits: 2).map(String.init)
            guard words.count == 3, let nonce = Hexadecimal.bytes(words[1]), nonce.count == 16 else { return nil }
            return Answer(userID: words[0], nonce: nonce, providerTaskID: words[2])
        }
    }
}
