public import Domain
import Foundation

/// A hidden folder beside the outputs, in which they are made before they appear, complete or not at all.
///
/// It lies in the output folder itself, because only within one file system is a
/// rename atomic. What a killed run left behind is removed by the next one: the lock
/// file is the first in the folder and the last to go, so that a folder without one
/// is empty, at whatever moment its run was killed.
///
/// Both folders are held open, and everything happens in these two: a link or another
/// folder that somebody puts in their place gets nothing and loses nothing.
public final class StagingFolder {
    /// The folder in which the outputs will appear.
    public let output: String
    /// The hidden folder.
    public let path: String
    /// Who may read the outputs. Until they appear nobody but us can.
    let mode: OutputMode
    /// True where every file and folder is on disk before the next; false where ``synchroniseAll()`` does it once.
    package let synchronisesEach: Bool
    private let target: Folder
    private let name: String
    private let hidden: Folder
    /// Held while the run lives, so that nobody takes its files for a dead run's.
    private let lock: Int32

    private static let prefix = ".daybook-"
    private static let lockName = ".lock"

    /// Makes the output folder where it is missing, and a staging folder in it.
    public init(
        output: String, mode: OutputMode = .ownerOnly, synchronisesEach: Bool = true
    ) throws(DaybookError) {
        self.output = output
        self.mode = mode
        self.synchronisesEach = synchronisesEach
        target = try Folder(making: output, mode: mode)
        Self.removeAbandoned(in: target)
        (name, hidden, lock) = try Self.makeLocked(in: target)
        path = output + "/" + name
    }

    deinit {
        Self.remove(name, hidden, in: target)
        close(lock)
    }

    /// The path of a file or folder that is being made.
    public func file(_ name: String) -> String { path + "/" + name }

    /// Makes a folder in the staging folder.
    public func makeFolder(_ name: String) throws(DaybookError) {
        guard hidden.makeFolder(name, permissions: mode.folder) != nil else {
            throw OutputError.cannotWrite(file(name), errno)
        }
    }

    /// Opens a new file in the staging folder, or in a folder that was made there: `name` or `folder/name`.
    public func sink(_ name: String) throws(DaybookError) -> FileSink {
        let (folder, own) = Folder.parts(of: name)
        guard !folder.contains("/"), folder != "..", let place = hidden.folder(folder) else {
            throw OutputError.cannotWrite(file(name), ENOENT)
        }
        return try FileSink(in: place, name: own, mode: mode, synchronises: synchronisesEach)
    }

    /// Makes the file of a workbook, which a library then writes to by its path: a file that is there keeps its
    /// permissions.
    package func workbookPath(_ name: String) throws(DaybookError) -> String {
        let created = hidden.createFile(name, permissions: mode.file)
        guard created >= 0 else { throw OutputError.cannotWrite(file(name), errno) }
        close(created)
        return file(name)
    }

    /// Digest and size in bytes of a workbook that was written. Throws where what was written is not here.
    package func workbook(_ name: String) throws(DaybookError) -> (sha256: String, size: Int64) {
        let opened = hidden.openFile(name, O_RDONLY)
        guard opened >= 0 else { throw OutputError.cannotWrite(file(name), errno) }
        defer { close(opened) }
        let finished = try FileDigest.of(opened, path: file(name))
        guard finished.size > 0 else { throw OutputError.cannotWrite(file(name), ENOENT) }
        return finished
    }

    /// Lets a finished file or folder appear under its name: a file replaces the old one, a folder is
    /// exchanged with the old one as a whole.
    public func publish(_ name: String) throws(DaybookError) {
        try hidden.settle(name, mode: mode, synchronises: synchronisesEach)
        try hidden.move(name, to: target)
        // A former folder lies here now.
        hidden.remove(name)
        if synchronisesEach { try target.synchronise() }
    }

    /// Waits until everything that was written to the output's file system is on disk.
    public func synchroniseAll() throws(DaybookError) { try target.synchroniseAll() }

    /// Makes a staging folder and locks it.
    private static func makeLocked(
        in target: Folder
    ) throws(DaybookError) -> (name: String, folder: Folder, lock: Int32) {
        // Between the three steps another run may take the folder for a dead run's: then a new one.
        for _ in 0..<100 {
            let name = "\(prefix)\(getpid())-\(UInt32.random(in: 0 ... .max))"
            guard let folder = target.makeFolder(name, permissions: 0o700) else {
                guard errno == ENOENT else { throw OutputError.cannotWrite(target.path, errno) }
                continue
            }
            let lock = folder.createFile(lockName, permissions: 0o600)
            guard lock >= 0 || errno == ENOENT else { throw OutputError.cannotWrite(folder.path, errno) }
            guard lock >= 0 else { continue }
            if flock(lock, LOCK_EX | LOCK_NB) != 0 {
                let reason = errno
                close(lock)
                guard reason == EWOULDBLOCK else { throw OutputError.cannotWrite(folder.path, reason) }
            } else if Folder.hasName(lock) {
                // The lock of a folder that was removed in between has no name.
                return (name, folder, lock)
            } else {
                close(lock)
            }
        }
        throw OutputError.cannotWrite(target.path, EAGAIN)
    }

    /// Empties a staging folder, the lock file last, and removes it.
    private static func remove(_ name: String, _ folder: Folder, in target: Folder) {
        folder.removeAll(except: lockName)
        // With something left in it, it keeps its lock file, for the next run to try again.
        guard folder.names() == [lockName] else { return }
        folder.removeFile(lockName)
        target.removeEmptyFolder(name)
    }

    /// Removes the staging folders whose lock nobody holds, and the empty ones without a lock file.
    private static func removeAbandoned(in target: Folder) {
        for name in target.names() ?? [] where isStaging(name) {
            // Made by us, and for nobody else to write to: so all that is in it is ours as well.
            guard let folder = target.ownFolder(name), !folder.isOpenToOthers else { continue }
            let lock = folder.openFile(lockName, O_WRONLY)
            guard lock >= 0 else {
                if errno == ENOENT { target.removeEmptyFolder(name) }
                continue
            }
            if Folder.isOwnFile(lock), flock(lock, LOCK_EX | LOCK_NB) == 0 { remove(name, folder, in: target) }
            close(lock)
        }
    }

    /// The names that `makeLocked` gives.
    private static func isStaging(_ name: String) -> Bool {
        guard name.hasPrefix(prefix) else { return false }
        let numbers = name.dropFirst(prefix.count).split(separator: "-", omittingEmptySubsequences: false)
        return numbers.count == 2
            && numbers.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    }
}
