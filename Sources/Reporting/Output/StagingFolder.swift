private import CLinux
public import Domain
import Foundation

/// A hidden folder beside the outputs, in which they are made before they appear, complete or not at all.
///
/// It lies in the output folder itself, because only within one file system is a
/// rename atomic. What a killed run left behind is removed by the next one: the lock
/// file is the first in the folder and the last to go, so that a folder without one
/// is empty, at whatever moment its run was killed.
public final class StagingFolder {
    /// The folder in which the outputs will appear.
    public let output: String
    /// The hidden folder.
    public let path: String
    /// Held while the run lives, so that nobody takes its files for a dead run's.
    private let lock: Int32
    /// True where every file and folder is on disk before the next; false where ``synchroniseAll()`` does it once.
    let synchronisesEach: Bool

    private static let prefix = ".daybook-"
    private static let lockName = ".lock"

    /// Makes the output folder where it is missing, and a staging folder in it.
    public init(output: String, synchronisesEach: Bool = true) throws(DaybookError) {
        self.output = output
        self.synchronisesEach = synchronisesEach
        do {
            try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        } catch {
            throw OutputError.cannotWrite(output, errno == 0 ? EACCES : errno)
        }
        Self.removeAbandoned(in: output)
        (path, lock) = try Self.makeLocked(in: output)
    }

    deinit {
        Self.remove(path)
        close(lock)
    }

    /// The path of a file or folder that is being made.
    public func file(_ name: String) -> String { path + "/" + name }

    /// Makes a folder in the staging folder.
    public func makeFolder(_ name: String) throws(DaybookError) {
        guard mkdir(file(name), 0o755) == 0 else { throw OutputError.cannotWrite(file(name), errno) }
    }

    /// Lets a finished file or folder appear under its name: a file replaces the old one, a folder is
    /// exchanged with the old one as a whole.
    public func publish(_ name: String) throws(DaybookError) {
        let target = output + "/" + name
        if synchronisesEach { try Self.synchronise(file(name)) }
        if rename(file(name), target) != 0 {
            // A folder that is not empty cannot be replaced by a rename: exchange the two, and drop the old one.
            guard errno == ENOTEMPTY || errno == EEXIST else { throw OutputError.cannotWrite(target, errno) }
            guard daybook_exchange(file(name), target) == 0 else {
                throw OutputError.cannotWrite(target, errno)
            }
            try? FileManager.default.removeItem(atPath: file(name))
        }
        if synchronisesEach { try Self.synchronise(output) }
    }

    /// Waits until everything that was written to the output's file system is on disk.
    public func synchroniseAll() throws(DaybookError) {
        let descriptor = open(output, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw OutputError.cannotWrite(output, errno) }
        defer { close(descriptor) }
        guard daybook_synchronise(descriptor) == 0 else { throw OutputError.cannotWrite(output, errno) }
    }

    private static func synchronise(_ path: String) throws(DaybookError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw OutputError.cannotWrite(path, errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw OutputError.cannotWrite(path, errno) }
    }

    /// Makes a staging folder and locks it.
    private static func makeLocked(in output: String) throws(DaybookError) -> (path: String, lock: Int32) {
        // Between the three steps another run may take the folder for a dead run's: then a new one.
        for _ in 0..<100 {
            let path = "\(output)/\(prefix)\(getpid())-\(UInt32.random(in: 0 ... .max))"
            guard mkdir(path, 0o700) == 0 else { throw OutputError.cannotWrite(output, errno) }
            let lock = open(path + "/" + lockName, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            guard lock >= 0 || errno == ENOENT else { throw OutputError.cannotWrite(path, errno) }
            guard lock >= 0 else { continue }
            if flock(lock, LOCK_EX | LOCK_NB) != 0 {
                let reason = errno
                close(lock)
                guard reason == EWOULDBLOCK else { throw OutputError.cannotWrite(path, reason) }
            } else if isNamed(lock) {
                return (path, lock)
            } else {
                close(lock)
            }
        }
        throw OutputError.cannotWrite(output, EAGAIN)
    }

    /// True while a file has a name: the lock of a folder that was removed in between has none.
    private static func isNamed(_ file: Int32) -> Bool {
        var status = stat()
        return fstat(file, &status) == 0 && status.st_nlink > 0
    }

    /// Removes a folder, the lock file last.
    private static func remove(_ folder: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where name != lockName { try? FileManager.default.removeItem(atPath: folder + "/" + name) }
        // With something left in it, it keeps its lock file, for the next run to try again.
        guard (try? FileManager.default.contentsOfDirectory(atPath: folder)) == [lockName] else { return }
        unlink(folder + "/" + lockName)
        rmdir(folder)
    }

    /// Removes the staging folders whose lock nobody holds, and the empty ones without a lock file.
    private static func removeAbandoned(in output: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: output)) ?? []
        for name in names where name.hasPrefix(prefix) {
            let folder = output + "/" + name
            let lock = open(folder + "/" + lockName, O_WRONLY | O_CLOEXEC)
            guard lock >= 0 else {
                rmdir(folder)
                continue
            }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { remove(folder) }
            close(lock)
        }
    }
}
