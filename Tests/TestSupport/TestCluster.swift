import Foundation
import Glibc
public import Postgres

/// A private PostgreSQL server in a temporary folder, reached by its socket there.
///
/// It is gone, with its folder, when the process that made it ends.
public final class TestCluster: Sendable {
    /// The folder of the socket, the data (`data`) and the log (`log`).
    public let folder: String
    /// The port, which names the socket too.
    public let port: Int
    private let programs: ServerPrograms
    private let serverSettings: [String: String]

    private static let started = Result { try TestCluster() }

    /// The cluster that the tests of this process share: no TCP, no passwords.
    public static var shared: TestCluster {
        get throws { try started.get() }
    }

    /// Makes and starts a cluster.
    ///
    /// `version` is PostgreSQL's, nil for the newest of Debian's;
    /// `hbaLines` replace pg_hba.conf after its line for the socket;
    /// `files` are put into the data folder, readable by the server alone.
    public init(
        port: Int = 5432,
        version: Int? = nil,
        settings: [String: String] = [:],
        hbaLines: [String] = [],
        files: [String: String] = [:]
    ) throws {
        let programs = try ServerPrograms(version: version)
        folder = try Self.makeFolder()
        try Watchdog.start(over: folder)
        self.port = port
        self.programs = programs
        serverSettings = settings.merging(Self.fastSettings) { given, _ in given }
        try programs.handOver(folder)
        let data = folder + "/data"
        try programs.run(
            "initdb",
            ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        )
        let hba = ["local all all trust"] + hbaLines
        let all = files.merging(["pg_hba.conf": hba.joined(separator: "\n") + "\n"]) { given, _ in given }
        for (name, text) in all {
            let path = data + "/" + name
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            guard chmod(path, 0o600) == 0 else { throw TestSupportError("\(path) cannot be protected.") }
            try programs.handOver(path)
        }
        try start()
    }

    /// Takes a copy of a running cluster, which goes on following it.
    private init(replicaOf primary: TestCluster, port: Int, settings: [String: String]) throws {
        folder = try Self.makeFolder()
        try Watchdog.start(over: folder)
        self.port = port
        programs = primary.programs
        serverSettings = primary.serverSettings.merging(settings) { _, own in own }
        try programs.handOver(folder)
        try programs.run(
            "pg_basebackup",
            [
                "-h", primary.folder, "-p", String(primary.port), "-U", "postgres", "-D", folder + "/data", "-R", "-c",
                "fast", "--no-sync",
            ])
        try start()
    }

    /// A folder of one server's own, in /tmp itself: a socket's path has 107 bytes, and the server's user must get there.
    static func makeFolder() throws -> String {
        var template = Array("/tmp/daybook-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestSupportError("No temporary folder could be made.") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Makes and starts a streaming replica. The cluster must admit it: `local replication all trust`.
    public func replica(port: Int, settings: [String: String] = [:]) throws -> TestCluster {
        try TestCluster(replicaOf: self, port: port, settings: settings)
    }

    /// Makes a replica a server of its own, which takes changes.
    public func promote() throws {
        try programs.run("pg_ctl", ["-D", folder + "/data", "-w", "-s", "promote"])
    }

    /// What makes a server quick that may lose everything.
    private static let fastSettings = [
        "listen_addresses": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "300",
        "timezone": "Europe/Helsinki",
        "lc_messages": "C",
    ]

    /// Starts the server and waits until it answers.
    public func start() throws {
        let options = serverSettings.sorted { $0.key < $1.key }.map { "-c \($0.key)='\($0.value)'" }
        try programs.run(
            "pg_ctl",
            [
                "-D", folder + "/data", "-l", folder + "/log", "-w", "-s",
                "-o", (["-k \(folder)", "-p \(port)"] + options).joined(separator: " "), "start",
            ]
        )
    }

    /// Stops the server: `fast` ends sessions in order, `immediate` is a crash.
    public func stop(mode: String = "fast") throws {
        try programs.run("pg_ctl", ["-D", folder + "/data", "-w", "-s", "-m", mode, "stop"])
    }

    /// Settings that reach a database here as the superuser, by the socket, and look names up as tests write them.
    public func settings(database: String = "postgres") -> ConnectionSettings {
        ConnectionSettings(
            options: ["host": folder, "port": String(port), "user": "postgres", "dbname": database],
            applicationName: "daybook-tests", nameLookup: .login
        )
    }
}

/// A small process that stops a cluster and removes its folder once this
/// process has ended, however it ended.
///
/// It waits on a pipe whose other end only this process holds.
struct Watchdog {
    private static let script = """
        trap '' INT TERM HUP
        cat > /dev/null
        if server=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null); then
            kill -QUIT "$server" 2> /dev/null
            while kill -0 "$server" 2> /dev/null; do sleep 0.05; done
        fi
        rm -rf "$1"
        """

    /// Watches over the cluster in a folder.
    static func start(over folder: String) throws {
        let ends = try ChildProcess.pipe()
        let output = open("/dev/null", O_WRONLY | O_CLOEXEC)
        _ = try ChildProcess(
            ["/bin/sh", "-c", script, "watchdog", folder],
            environment: ["PATH=/usr/bin:/bin"],
            input: ends.reading,
            output: output
        )
        // The writing end stays open for as long as this process lives.
        close(ends.reading)
        close(output)
    }
}

/// PostgreSQL's own programs, run as a user that PostgreSQL accepts.
///
/// A server refuses to run as root. Where the tests do, everything of the
/// server runs as the user `postgres`; otherwise as whoever runs the tests.
struct ServerPrograms: Sendable {
    /// The folder of `initdb`, `pg_ctl` and `postgres`.
    let folder: String
    /// The user to run as, nil for the one of this process.
    let account: Account?

    /// A user and its group.
    struct Account: Sendable {
        let name: String
        let user: uid_t
        let group: gid_t
    }

    /// Finds the programs in the folder that `DAYBOOK_PG_BIN` names, or the newest of Debian's; of
    /// another version those of `scripts/test-postgres`, which installs them where they are missing.
    ///
    /// Throws where there are none: tests never skip.
    init(version: Int? = nil) throws {
        account = geteuid() == 0 ? try Self.unprivilegedAccount() : nil
        if let version {
            let script = Deployment.root + "/scripts/test-postgres"
            let printed = try Command.run([script, String(version)])
            folder = String(printed.split(separator: "\n").last ?? "")
            return
        }
        let named = ProcessInfo.processInfo.environment["DAYBOOK_PG_BIN"].map { [$0] }
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? [])
            .compactMap { Int($0) }
            .sorted(by: >)
        let candidates = named ?? versions.map { "\(root)/\($0)/bin" }
        guard let folder = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") })
        else {
            throw TestSupportError("No PostgreSQL server programs in \(candidates): install postgresql-15.")
        }
        self.folder = folder
    }

    private static func unprivilegedAccount() throws -> Account {
        guard let entry = getpwnam("postgres") else {
            throw TestSupportError("Root cannot run PostgreSQL, and there is no user postgres to run it as.")
        }
        return Account(name: "postgres", user: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
    }

    /// Runs one of the programs from `/`, waits for it and returns its output.
    ///
    /// Throws ``TestSupportError`` with the output if it fails.
    @discardableResult
    func run(_ program: String, _ arguments: [String]) throws -> String {
        let command = [folder + "/" + program] + arguments
        guard let account else { return try Command.run(command) }
        return try Command.run(
            ["/usr/bin/setpriv", "--reuid", account.name, "--regid", account.name, "--init-groups", "--"] + command
        )
    }

    /// Hands a file or folder to the server's user.
    func handOver(_ path: String) throws {
        guard let account else { return }
        guard chown(path, account.user, account.group) == 0 else {
            throw TestSupportError("\(path) cannot be given to \(account.name).")
        }
    }
}
