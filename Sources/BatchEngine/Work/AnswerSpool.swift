import Domain
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

    /// Opens a spool of this process's own in a folder, which is made where it is missing. Throws `output`.
    init(folder: String) throws {
        self.folder = folder
        path = "\(folder)/\(Self.prefix)\(getpid())-\(UInt32.random(in: 0 ... .max)).log"
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw DaybookError.output("The folder \(folder), for answers of the provider, cannot be made.")
        }
        let opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard opened >= 0, flock(opened, LOCK_EX | LOCK_NB) == 0 else {
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
        let written = descriptor.withLock { write($0, bytes, bytes.count) }
        guard written == bytes.count else {
            throw DaybookError.output("\(path), for answers of the provider, cannot be written.")
        }
    }

    /// Forgets what was appended, because the database has all of it.
    func clear() {
        descriptor.withLock { _ = ftruncate($0, 0) }
    }

    /// What this process appended and has not cleared.
    func own() -> [Answer] { Self.read(path) }

    /// What dead processes left behind, by file.
    func abandoned() -> [(path: String, answers: [Answer])] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted().filter { $0.hasPrefix(Self.prefix) && !path.hasSuffix("/" + $0) }.compactMap { name in
            let other = folder + "/" + name
            let opened = open(other, O_WRONLY | O_CLOEXEC)
            guard opened >= 0 else { return nil }
            defer { close(opened) }
            return flock(opened, LOCK_EX | LOCK_NB) == 0 ? (other, Self.read(other)) : nil
        }
    }

    /// Removes a dead process's file, once the database has what was in it.
    func remove(_ path: String) {
        unlink(path)
    }

    /// Whole lines only: a process may die within a write.
    private static func read(_ path: String) -> [Answer] {
        guard let text = FileManager.default.contents(atPath: path).map({ String(decoding: $0, as: UTF8.self) }) else {
            return []
        }
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().compactMap { line in
            let words = line.split(separator: " ", maxSplits: 2).map(String.init)
            guard words.count == 3, let nonce = Hexadecimal.bytes(words[1]), nonce.count == 16 else { return nil }
            return Answer(userID: words[0], nonce: nonce, providerTaskID: words[2])
        }
    }
}
