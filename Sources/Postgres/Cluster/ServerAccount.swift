import Domain
import Foundation

/// The operating system's user as which a private server runs.
struct ServerAccount: Sendable {
    let name: String
    let userID: uid_t
    let groupID: gid_t
    /// True if we are root and have to become that user.
    let isSwitched: Bool

    /// Ourselves, or `postgres` if we are root.
    static func current() throws(DaybookError) -> ServerAccount {
        let isRoot = getuid() == 0
        guard let entry = isRoot ? getpwnam("postgres") : getpwuid(getuid()) else {
            throw .configuration(
                isRoot
                    ? "PostgreSQL does not run as root, and there is no user \"postgres\"; install postgresql-15."
                    : "The user \(getuid()) has no entry in the password database.")
        }
        return ServerAccount(
            name: String(cString: entry.pointee.pw_name), userID: entry.pointee.pw_uid, groupID: entry.pointee.pw_gid,
            isSwitched: isRoot)
    }

    /// A command line that runs a program as the user.
    func command(_ program: String) -> [String] {
        guard isSwitched else { return [program] }
        return [
            "/usr/bin/setpriv", "--reuid", String(userID), "--regid", String(groupID), "--init-groups", "--", program,
        ]
    }

    /// Gives an open directory to the user, for nobody else to read.
    ///
    /// - Parameter path: What it is called, for the sentence of a failure.
    func own(_ directory: Int32, path: String) throws(DaybookError) {
        guard fchown(directory, userID, groupID) == 0 || !isSwitched, fchmod(directory, 0o700) == 0 else {
            throw .configuration("\(path) cannot be given to the user \(name): \(String(cString: strerror(errno))).")
        }
    }

    /// True if the user may pass through every directory above a path.
    func canReach(_ path: String) -> Bool {
        guard isSwitched else { return true }
        let outcome = try? ServerProcess.status(command("/usr/bin/test") + ["-w", path])
        return outcome == 0
    }
}
