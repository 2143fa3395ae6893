private import CLinux
public import Domain
import Foundation

/// A hidden folder beside the outputs, in which they are made before they appear, complete or not at all.
///
/// It lies in the output folder itself, because only within one file system is a
/// rename atomic. What a killed run left behind is removed by the next one.
public final class StagingFolder {
    /// The folder in which the outputs will appear.
    public let output: String
    /// The hidden folder.
    public let path: String
    /// Held while the run lives, so that nobody takes its files for a dead run's.
    private var lock: Int32
    /// True where every file and folder is on disk before the next; false where ``synchroniseAll()`` does it once.
    let synchronisesEach: Bool

    private static let prefix = ".daybook-"

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
        path = "\(output)/\(Self.prefix)\(getpid())-\(UInt32.random(in: 0 ... .max))"
        guard mkdir(path, 0o700) == 0 else { throw OutputError.cannotWrite(output, errno) }
        lock = open(path + "/.lock", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else { throw OutputError.cannotWrite(path, errno) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
        if lock >= 0 { close(lock) }
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

    /// Removes the staging folders whose lock nobody holds.
    private static func removeAbandoned(in output: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: output)) ?? []
        for name in names where name.hasPrefix(prefix) {
            let folder = output + "/" + name
            let lock = open(folder + "/.lock", O_WRONLY | O_CLOEXEC)
            guard lock >= 0 else { continue }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { try? FileManager.default.removeItem(atPath: folder) }
            close(lock)
        }
    }
}
