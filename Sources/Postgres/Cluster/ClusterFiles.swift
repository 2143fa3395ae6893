import Domain
import Foundation

/// The file lock under which a private cluster is created, started and stopped.
struct ClusterLock {
    private let descriptor: Int32

    /// Longer than a server takes to start after a crash.
    private static let patienceSeconds = 150

    /// Waits for the lock, and gives up with `tryAgain` where its holder does not come to an end.
    init(home: String) throws(DaybookError) {
        // The folder is the server's user's, and we may be root: what is opened there is never a link.
        descriptor = open(home + "/lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .configuration("The private directory \(home) cannot be used: \(String(cString: strerror(errno))).")
        }
        for _ in 0..<(Self.patienceSeconds * 20) {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
            usleep(50_000)
        }
        close(descriptor)
        throw DaybookError(
            .tryAgain, "Another daybook command has held the lock of \(home) for too long; try again later.")
    }

    func release() {
        close(descriptor)
    }
}

/// The server's pid file, which a crash or a reboot leaves behind.
enum PostmasterFile {
    /// The process of the server that really runs on a data directory, whatever the pid file claims.
    static func livingServer(of dataDirectory: String) -> Int32? {
        guard let text = FileManager.default.contents(atPath: dataDirectory + "/postmaster.pid"),
            let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first,
            let processID = Int32(line), isServer(processID, dataDirectory)
        else { return nil }
        return processID
    }

    /// After a reboot the number may be another program's: the server's own name tells them apart.
    private static func isServer(_ processID: Int32, _ dataDirectory: String) -> Bool {
        let name = FileManager.default.contents(atPath: "/proc/\(processID)/comm") ?? Data()
        guard String(decoding: name, as: UTF8.self).hasPrefix("postgres") else { return false }
        // Dead, and only not yet taken note of by its parent.
        let status = FileManager.default.contents(atPath: "/proc/\(processID)/stat") ?? Data()
        let state = String(decoding: status, as: UTF8.self).split(separator: ")").last?.split(separator: " ").first
        guard let state, state != "Z", state != "X" else { return false }
        guard let folder = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(processID)/cwd") else {
            return true
        }
        return folder == URL(fileURLWithPath: dataDirectory).resolvingSymlinksInPath().path
    }

    /// Removes the file, and the lock of the socket, if no server holds them.
    ///
    /// The server looks at the numbers in both: one that is somebody else's by now would keep it from starting.
    static func removeStale(in dataDirectory: String, socketDirectory: String) {
        guard livingServer(of: dataDirectory) == nil else { return }
        unlink(dataDirectory + "/postmaster.pid")
        unlink(socketDirectory + "/.s.PGSQL.5432.lock")
        unlink(socketDirectory + "/.s.PGSQL.5432")
    }
}
