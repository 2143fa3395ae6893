import Domain
import Foundation

/// The file lock under which a private cluster is created, started and stopped.
struct ClusterLock {
    private let descriptor: Int32

    /// Waits for the lock.
    init(home: String) throws(DaybookError) {
        descriptor = open(home + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .configuration("The private directory \(home) cannot be used: \(String(cString: strerror(errno))).")
        }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw .configuration("The lock of \(home) cannot be taken.") }
        }
    }

    func release() {
        close(descriptor)
    }
}
