import Dispatch
import Domain
import Foundation

// PostgreSQL's own programs: where they are, as whom they run, and how they are run and waited for.

/// The folder of PostgreSQL's server programs, which Debian keeps off the PATH.
struct ServerBinaries: Sendable {
    private static let root = "/usr/lib/postgresql"
    private static let oldest = 15

    let folder: String

    func path(_ program: String) -> String { folder + "/" + program }

    /// The version that made the data directory, else `DAYBOOK_PG_BIN`, else the newest one that is installed.
    static func find(dataDirectory: String, environment: [String: String]) throws(DaybookError) -> ServerBinaries {
        if let folder = Setting.serverPrograms.value(in: environment) { return ServerBinaries(folder: folder) }
        let made = FileManager.default.contents(atPath: dataDirectory + "/PG_VERSION")
            .flatMap { Int(String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)) }
        let installed = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap(Int.init)
            .filter { FileManager.default.isExecutableFile(atPath: "\(root)/\($0)/bin/initdb") }
        if let made {
            guard installed.contains(made) else {
                throw .configuration("The private cluster was made by PostgreSQL \(made), which is not installed.")
            }
            return ServerBinaries(folder: "\(root)/\(made)/bin")
        }
        guard let newest = installed.max(), newest >= oldest else {
            throw .configuration(
                "PostgreSQL \(oldest) is not installed: apt-get install postgresql-\(oldest)", .nameDatabase)
        }
        return ServerBinaries(folder: "\(root)/\(newest)/bin")
    }
}

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

/// Runs PostgreSQL's programs and waits for them.
enum ServerProcess {
    /// Runs a command. Throws `failed` with the last line that it said if it fails.
    static func run(_ command: [String], failure: String) throws(DaybookError) {
        let path = NSTemporaryDirectory() + "/daybook-\(getpid())-\(UInt32.random(in: 0 ... .max)).log"
        defer { unlink(path) }
        let code = try status(command, outputPath: path)
        guard code != 0 else { return }
        let said = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let last = said.split(separator: "\n").last { !$0.allSatisfy(\.isWhitespace) } ?? "no reason given"
        throw DaybookError(.failed, "\(failure): \(last)", debugText: said)
    }

    /// The exit status of a command, started in the root folder, without input and without any of our descriptors.
    ///
    /// Only the command itself is waited for: the server that it leaves behind must not keep us.
    /// (Foundation's `Process` waits for everybody who inherited its socket.)
    static func status(_ command: [String], outputPath: String = "/dev/null") throws(DaybookError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        // A file of this call alone: what somebody else has put there is not written to.
        let making = outputPath == "/dev/null" ? 0 : O_CREAT | O_EXCL | O_NOFOLLOW
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, outputPath, O_WRONLY | O_APPEND | making, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        // The server must keep neither our folder nor a descriptor that we inherited ourselves: whoever
        // waits for the other end of it would wait for ever.
        keepDescriptors()
        var arguments = (["sh", "-c", "cd / && exec \"$@\"", "sh"] + command).map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        guard posix_spawn(&process, "/bin/sh", &actions, nil, &arguments, environ) == 0 else {
            throw .configuration("\(command[0]) cannot be started; is it installed?")
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw DaybookError(.failed, "\(command[0]) was lost.") }
        }
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
    }

    /// Marks every descriptor beyond the standard ones as ours alone.
    private static func keepDescriptors() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            guard let descriptor = Int32(name), descriptor > STDERR_FILENO else { continue }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    /// Waiting for a program blocks its thread, so it never happens on Swift's cooperative ones.
    static func offCooperativeThreads<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "daybook.cluster").async { continuation.resume(with: Result(catching: body)) }
        }
    }
}
