public import Domain
import Foundation

/// A PostgreSQL server of Daybook's own: in a private directory, on a Unix socket, without TCP, with durable
/// settings.
///
/// Every change of its state happens under one file lock, so that two commands at
/// once do not race. As root the server runs as the unprivileged user
/// `postgres`, because PostgreSQL refuses to run as root.
public struct PrivateCluster: Sendable {
    /// What a cluster is doing.
    public enum Status: Hashable, Sendable {
        /// There is no data directory yet.
        case absent
        case stopped
        case running(processID: Int32)
    }

    /// The private directory.
    public let home: String
    /// The role that owns every database of the cluster.
    public static let role = "daybook"
    /// The login that only reads: as it queries run that somebody else wrote. It is a member of nothing.
    public static let reader = "daybook_reader"
    /// The database that is used where none is named.
    public static let defaultDatabase = "daybook"

    let binaries: ServerBinaries
    let account: ServerAccount

    /// The cluster of a private directory, nil for the default one. Nothing is created yet.
    ///
    /// Throws `configuration` if PostgreSQL's server programs or the server's user are not installed.
    public init(home: String? = nil) throws(DaybookError) {
        let environment = ProcessInfo.processInfo.environment
        account = try ServerAccount.current()
        self.home = home ?? Self.defaultHome(environment)
        binaries = try ServerBinaries.find(dataDirectory: self.home + "/data", environment: environment)
    }

    /// `DAYBOOK_HOME`, else `/var/lib/daybook` for root, else `daybook` in the user's data directory.
    public static func defaultHome(_ environment: [String: String]) -> String {
        if let home = Setting.home.value(in: environment) { return home }
        if getuid() == 0 { return "/var/lib/daybook" }
        let data = Setting.dataHome.value(in: environment).flatMap { $0.hasPrefix("/") ? $0 : nil }
        return (data ?? NSHomeDirectory() + "/.local/share") + "/daybook"
    }

    public var dataDirectory: String { home + "/data" }
    public var logPath: String { home + "/server.log" }

    /// Where the socket lies: in the private directory, or in a short one where that path is too long for a socket.
    public var socketDirectory: String {
        let own = home + "/socket"
        guard own.utf8.count > 93 else { return own }
        let hash = home.utf8.reduce(into: UInt64(14_695_981_039_346_656_037)) {
            $0 = ($0 ^ UInt64($1)) &* 1_099_511_628_211
        }
        return "/tmp/daybook-\(getuid())-\(String(hash, radix: 36))"
    }

    /// The user that the server runs as.
    public var serverUser: String { account.name }

    /// How to connect to one of the cluster's databases.
    public func settings(database: String = defaultDatabase, role: String = role) -> ConnectionSettings {
        ConnectionSettings(
            options: [
                "host": socketDirectory, "port": "5432", "user": role, "dbname": database, "sslmode": "disable",
            ])
    }

    /// How to connect as the login that only reads, once the server admits it.
    ///
    /// A server that was told of the login just now may still be reading its rules.
    public func readerSettings(database: String = defaultDatabase) async throws -> ConnectionSettings {
        let settings = settings(database: database, role: Self.reader)
        for _ in 0..<Self.reloadAttempts {
            do {
                let connection = try await Connection.open(settings)
                await connection.close()
                break
            } catch let error as PostgresError where error.code == .authenticationFailed {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        return settings
    }

    /// Five seconds: a server reads its rules at once, unless the machine is busy.
    private static let reloadAttempts = 100

    /// Creates the cluster where there is none, starts it where it is stopped, and creates the database where it
    /// is missing.
    public func ensureRunning(database: String = defaultDatabase) async throws -> ConnectionSettings {
        try await ServerProcess.offCooperativeThreads { try startLocked() }
        try await createDatabase(database)
        return settings(database: database)
    }

    /// What the server is doing now.
    public func status() throws(DaybookError) -> Status {
        guard FileManager.default.fileExists(atPath: dataDirectory + "/PG_VERSION") else { return .absent }
        guard let processID = PostmasterFile.livingServer(of: dataDirectory) else { return .stopped }
        return .running(processID: processID)
    }

    /// Stops the server and waits for it. True if it was running.
    public func stop() async throws -> Bool {
        try await ServerProcess.offCooperativeThreads {
            let lock = try ClusterLock(home: home)
            defer { lock.release() }
            guard case .running = try status() else { return false }
            try control(["stop", "--mode", "fast", "--wait", "--timeout", "60"], doing: "stop")
            return true
        }
    }

    private func startLocked() throws(DaybookError) {
        try makeHome()
        let lock = try ClusterLock(home: home)
        defer { lock.release() }
        if try status() == .absent { try create() }
        let isNews = try admitReader()
        if case .running = try status() {
            if isNews { try control(["reload"], doing: "reload its rules") }
            return
        }
        PostmasterFile.removeStale(in: dataDirectory, socketDirectory: socketDirectory)
        try makeSocketDirectory()
        let options =
            "-c listen_addresses='' -c unix_socket_permissions=0700 -c unix_socket_directories='\(socketDirectory)'"
        try control(
            ["start", "--wait", "--timeout", "120", "--log", logPath, "--options", options + " -c port=5432"],
            doing: "start")
    }

    private func control(_ arguments: [String], doing verb: String) throws(DaybookError) {
        try ServerProcess.run(
            account.command(binaries.path("pg_ctl")) + arguments + ["--pgdata", dataDirectory],
            failure: "The private PostgreSQL server did not \(verb) (its log is \(logPath))")
    }
}

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
