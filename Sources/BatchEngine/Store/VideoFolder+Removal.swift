public import Domain
import Formats
import Foundation
public import Postgres

/// How videos leave a folder for good.
extension VideoFolder: VideoRemoval {
    /// The store that a database has; none is made.
    ///
    /// Throws `configuration` where the database has none, where the folder is not it, or may not be read by this user.
    public init(existing path: String, of session: Session) throws {
        guard try StoreMark.known(to: session) != nil else {
            throw DaybookError.configuration(
                "This database has no store of videos, so \(path) is none of its; leave the folder out.")
        }
        guard access(path, R_OK | W_OK | X_OK) == 0 || (errno != EACCES && errno != EROFS) else {
            throw DaybookError.configuration(
                "The folder \(path) may not be read and written here: \(String(cString: strerror(errno))). Run this as "
                    + "the user of daybookd, where that disk can be written.")
        }
        try self.init(path, of: session)
    }

    public func remove(_ taskID: String, digest: [UInt8]) async throws -> Bool {
        try await Disk.run { try removeNow(taskID, digest) }
    }

    private func removeNow(_ taskID: String, _ digest: [UInt8]) throws -> Bool {
        // Before and after: on a disk that is not there every video is missing.
        try requireMark()
        let folder = folder(of: taskID)
        let wasThere = Self.isThere("\(folder)/\(Hexadecimal.text(digest))")
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            guard unlink("\(folder)/\(name)") == 0 || errno == ENOENT else { throw stuck("\(folder)/\(name)") }
        }
        guard rmdir(folder) == 0 || errno == ENOENT else { throw stuck(folder) }
        guard Self.synchronise("\(path)/\(taskID.prefix(2))") else { throw stuck(folder) }
        guard !Self.isThere(folder) else {
            throw DaybookError.output("\(folder) is there again after it was removed; see who writes to it.")
        }
        try requireMark()
        return wasThere
    }

    private func requireMark() throws {
        guard hasMark else {
            throw DaybookError.configuration(
                "The folder \(path) is the store of this database's videos no more: its mark, the file "
                    + "\(StoreMark.name), is missing or another's. Is the disk mounted?")
        }
    }

    /// What the last call of the system failed for.
    private func stuck(_ path: String) -> DaybookError {
        .output(
            "\(path) cannot be removed: \(String(cString: strerror(errno))). Run this as the user of daybookd, where "
                + "that disk can be written.")
    }

    /// True also for a link that leads nowhere, and where nobody may look: only what the system calls missing is.
    private static func isThere(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR)
    }
}
