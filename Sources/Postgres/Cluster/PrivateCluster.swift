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

    private let binaries: ServerBinaries
    private let account: ServerAccount

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
        if let home = environment["DAYBOOK_HOME"], !home.isEmpty { return home }
        if getuid() == 0 { return "/var/lib/daybook" }
        let data = environment["XDG_DATA_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
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

    private func makeHome() throws(DaybookError) {
        do {
            // The server's user has to pass what is above it; the home itself is closed below.
            try FileManager.default.createDirectory(
                atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        } catch {
            throw .configuration("The private directory \(home) cannot be made; name another one in DAYBOOK_HOME.")
        }
        let folder = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if folder >= 0 { close(folder) } }
        try account.own(folder, path: home)
        guard account.canReach(home) else {
            throw .configuration(
                "The user \(account.name), as which PostgreSQL runs, cannot reach \(home); name another place in "
                    + "DAYBOOK_HOME."
            )
        }
    }

    private func makeSocketDirectory() throws(DaybookError) {
        if mkdir(socketDirectory, 0o700) != 0, errno != EEXIST {
            throw .configuration("The socket directory \(socketDirectory) cannot be made.")
        }
        let folder = open(socketDirectory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        defer { if folder >= 0 { close(folder) } }
        var info = stat()
        guard folder >= 0, fstat(folder, &info) == 0, info.st_uid == getuid() || info.st_uid == account.userID else {
            throw .configuration("\(socketDirectory) belongs to somebody else; name another place in DAYBOOK_HOME.")
        }
        try account.own(folder, path: socketDirectory)
    }

    /// Makes the data directory under another name first: an interrupted start leaves no half of one.
    private func create() throws(DaybookError) {
        let unfinished = home + "/data.unfinished"
        try? FileManager.default.removeItem(atPath: unfinished)
        try ServerProcess.run(
            account.command(binaries.path("initdb")) + [
                "--pgdata", unfinished, "--username", Self.role, "--auth", "peer", "--encoding", "UTF8",
                "--locale", "C.UTF-8", "--data-checksums",
            ], failure: "The private PostgreSQL cluster cannot be created in \(home)")
        try write(identities(of: Self.role), to: "pg_ident.conf", in: unfinished, replacing: false)
        try write(
            "local all \(Self.role) peer map=daybook\n", to: "pg_hba.conf", in: unfinished, replacing: true)
        guard rename(unfinished, dataDirectory) == 0 else {
            throw .configuration("The data directory \(dataDirectory) cannot be made.")
        }
    }

    /// Lets the same users in as the login that only reads. True where that is news: clusters that were made before
    /// there was one do not have its lines.
    private func admitReader() throws(DaybookError) -> Bool {
        let rules = dataDirectory + "/pg_hba.conf"
        guard let known = FileManager.default.contents(atPath: rules) else {
            throw .configuration("\(rules) cannot be read.")
        }
        let words = String(decoding: known, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard !words.contains(Substring(Self.reader)) else { return false }
        // Added to, never written anew: what an operator put there stays, also if this is interrupted.
        try write("\n" + identities(of: Self.reader), to: "pg_ident.conf", in: dataDirectory, replacing: false)
        try write(
            "\nlocal all \(Self.reader) peer map=daybook\n", to: "pg_hba.conf", in: dataDirectory, replacing: false)
        return true
    }

    /// Who may come as a role: root, and the user that the server runs as.
    private func identities(of role: String) -> String {
        Set(["root", account.name]).sorted().map { "daybook \($0) \(role)\n" }.joined()
    }

    /// Writes to a file that initdb has made. We may be root, and the folder is another user's: a link that lies there
    /// instead is not followed, and a file that is not that user's is left alone.
    private func write(_ text: String, to name: String, in path: String, replacing: Bool) throws(DaybookError) {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        defer { if folder >= 0 { close(folder) } }
        let file = openat(folder, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        defer { if file >= 0 { close(file) } }
        var info = stat()
        let bytes = Array(text.utf8)
        guard file >= 0, fstat(file, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_nlink == 1,
            info.st_uid == account.userID, !replacing || ftruncate(file, 0) == 0, lseek(file, 0, SEEK_END) >= 0,
            Foundation.write(file, bytes, bytes.count) == bytes.count
        else { throw .configuration("\(path)/\(name) cannot be written.") }
    }

    private func control(_ arguments: [String], doing verb: String) throws(DaybookError) {
        try ServerProcess.run(
            account.command(binaries.path("pg_ctl")) + arguments + ["--pgdata", dataDirectory],
            failure: "The private PostgreSQL server did not \(verb) (its log is \(logPath))")
    }

    private func createDatabase(_ name: String) async throws {
        let connection = try await Connection.open(settings(database: "postgres"))
        do {
            try await connection.run { session in
                let known = try session.query(
                    """
                    SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS has_database,
                        EXISTS (SELECT FROM pg_roles WHERE rolname = $2) AS has_reader
                    """, [.text(name), .text(Self.reader)])[0]
                func make(_ sql: String) throws {
                    do {
                        try session.executeAlone(sql)
                    } catch let error as PostgresError
                        where ["42P04", "42710", "23505"].contains(error.sqlState?.rawValue)
                    {
                        // Another command made it in the meantime.
                    }
                }
                if try !known.bool("has_database") { try make("CREATE DATABASE \(session.quoteIdentifier(name))") }
                // Row-level security would hide rows from a report, and a report refuses to be told less.
                if try !known.bool("has_reader") { try make("CREATE ROLE \(Self.reader) LOGIN BYPASSRLS") }
            }
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }
}
