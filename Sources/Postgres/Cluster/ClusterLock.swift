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
