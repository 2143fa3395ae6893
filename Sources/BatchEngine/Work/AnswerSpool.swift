import Domain
import Foundation
import Synchronization

/// A file of what the provider answered, written before the database knows it.
///
/// What a killed process wrote is in the page cache and survives it; the next worker of the same database on this
/// machine replays it. So a submission whose answer came in is never unknown, even where the database was away.
final class AnswerSpool: Sendable {
    /// An accepted submission.
    typealias Answer = SpoolLine.Answer

    /// The folder, which workers of several databases may share.
    let folder: String
    let database: DatabaseIdentity
    private let path: String
    private let state: Mutex<State>
    /// Dead processes' files that stay where they are; see ``leave(_:)``.
    let left = Mutex<Set<String>>([])

    private struct State {
        /// Locked while the process lives, so that nobody takes the file for a dead worker's.
        var descriptor: Int32
        var bytes = 0
        /// Lines that the database does not have yet, by their nonce, with their place.
        var waiting: [[UInt8]: (place: Int, line: [UInt8])] = [:]
        var waitingBytes = 0
        var lines = 0
        /// Bytes below which the file is not cut.
        var cutFrom = Limits.spoolBytes
    }

    /// Opens a spool of this process's own in a folder, which is made where it is missing. Throws `output`.
    init(folder: String, database: DatabaseIdentity) throws {
        self.folder = folder
        self.database = database
        path = "\(folder)/\(SpoolName.own(database))"
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw DaybookError.output("The folder \(folder), for answers of the provider, cannot be made.")
        }
        guard let descriptor = Self.make(path, holding: []) else { throw Self.cannotBeWritten(path) }
        state = Mutex(State(descriptor: descriptor))
    }

    deinit {
        close(state.withLock { $0.descriptor })
    }

    /// Appends an answer in one write. Throws `output` where the disk refuses it.
    func append(_ answer: Answer) throws {
        let line = SpoolLine.bytes(answer, of: database)
        let isWhole = state.withLock { state in
            state.waiting[answer.nonce] = (state.lines, line)
            state.waitingBytes += line.count
            state.lines += 1
            if write(state.descriptor, line, line.count) == line.count {
                state.bytes += line.count
                return true
            }
            // Half a line would be read as a part of the next one.
            _ = ftruncate(state.descriptor, off_t(state.bytes))
            return false
        }
        guard isWhole else { throw Self.cannotBeWritten(path) }
    }

    /// Forgets answers that the database has, and cuts the file where most of it is forgotten.
    func forget(_ nonces: [[UInt8]]) {
        state.withLock { state in
            for nonce in nonces {
                if let gone = state.waiting.removeValue(forKey: nonce) { state.waitingBytes -= gone.line.count }
            }
            if state.waiting.isEmpty {
                if state.bytes > 0, ftruncate(state.descriptor, 0) == 0 { state.bytes = 0 }
            } else if state.bytes > max(state.cutFrom, 2 * state.waitingBytes) {
                cut(&state)
            }
        }
    }

    /// Puts a file that has only what the database does not in place of this one. Where the disk refuses that, the
    /// file stays and the next try waits until it is twice as long.
    private func cut(_ state: inout State) {
        let kept = state.waiting.values.sorted { $0.place < $1.place }.flatMap { $0.line }
        guard let descriptor = Self.make(path, holding: kept) else {
            state.cutFrom = 2 * state.bytes
            return
        }
        close(state.descriptor)
        state.descriptor = descriptor
        state.bytes = kept.count
        state.cutFrom = Limits.spoolBytes
    }

    /// Removes the file where the database has all of it: a worker that ends in order leaves nothing behind.
    func end() {
        let isDone = state.withLock { $0.waiting.isEmpty }
        if isDone { unlink(path) }
    }

    /// A locked file, which appears whole: under a name that nobody looks for until then. Nil where it cannot be.
    private static func make(_ path: String, holding bytes: [UInt8]) -> Int32? {
        let unlocked = path + SpoolName.unfinished
        let opened = open(unlocked, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC, 0o600)
        guard opened >= 0 else { return nil }
        guard write(opened, bytes, bytes.count) == bytes.count, flock(opened, LOCK_EX | LOCK_NB) == 0,
            rename(unlocked, path) == 0
        else {
            close(opened)
            unlink(unlocked)
            return nil
        }
        return opened
    }

    private static func cannotBeWritten(_ path: String) -> DaybookError {
        .output("\(path), for answers of the provider, cannot be written.")
    }
}

/// The names of a spool folder.
enum SpoolName {
    /// What a file is called in addition while it is made.
    static let unfinished = ".new"
    /// What a file is called in addition that was set aside.
    static let aside = ".aside"
    private static let suffix = ".log"
    /// The version before named no database, and takes whatever begins and ends as its own.
    private static let earlierPrefix = "answers-"

    private static func prefix(_ database: DatabaseIdentity) -> String { "answers.\(database)." }

    /// A name that no other process has.
    static func own(_ database: DatabaseIdentity) -> String {
        "\(prefix(database))\(getpid())-\(UInt32.random(in: 0 ... .max))\(suffix)"
    }

    /// True for files that workers of the database may have left, those of the version before included.
    static func mayHold(_ name: String, answersOf database: DatabaseIdentity) -> Bool {
        (name.hasPrefix(prefix(database)) || name.hasPrefix(earlierPrefix)) && name.hasSuffix(suffix)
    }

    /// True for a file that was set aside.
    static func isAside(_ name: String) -> Bool {
        name.hasPrefix("answers") && name.hasSuffix(suffix + aside)
    }
}
