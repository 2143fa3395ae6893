import Foundation
import Glibc
public import Postgres

/// PgBouncer in front of a cluster, in a temporary folder, reached by its socket there.
///
/// It is gone, with its folder, when the process that made it ends, or when nobody refers to it any more.
public final class TestPooler: Sendable {
    private let folder: String
    private let guardian: ChildProcess
    private let end: Int32

    private static let script = """
        trap '' INT TERM HUP
        if [ "$2" = "" ]; then /usr/sbin/pgbouncer -q "$1/pooler.ini" > "$1/log" 2>&1 < /dev/null &
        else setpriv --reuid "$2" --regid "$2" --init-groups -- \
            /usr/sbin/pgbouncer -q "$1/pooler.ini" > "$1/log" 2>&1 < /dev/null &
        fi
        pooler=$!
        cat > /dev/null
        kill -9 "$pooler" 2> /dev/null
        rm -rf "$1"
        """

    /// Starts one with a mode (`transaction` or `session`) and as many connections to the server as are said.
    public init(mode: String, size: Int, cluster: TestCluster? = nil) throws {
        let cluster = try cluster ?? TestCluster.shared
        guard FileManager.default.isExecutableFile(atPath: "/usr/sbin/pgbouncer") else {
            throw TestSupportError("There is no PgBouncer: install the package pgbouncer.")
        }
        let programs = try ServerPrograms()
        folder = try TestCluster.makeFolder()
        let lines = [
            "[databases]", "* = host=\(cluster.folder) port=\(cluster.port)", "[pgbouncer]", "listen_port = 6432",
            "unix_socket_dir = \(folder)", "auth_type = trust", "auth_file = \(folder)/users", "pool_mode = \(mode)",
            "default_pool_size = \(size)", "max_client_conn = 500", "ignore_startup_parameters = extra_float_digits",
        ]
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: folder + "/pooler.ini"))
        try Data("\"postgres\" \"\"\n".utf8).write(to: URL(fileURLWithPath: folder + "/users"))
        for path in [folder, folder + "/pooler.ini", folder + "/users"] { try programs.handOver(path) }
        let ends = try ChildProcess.pipe()
        let output = open("/dev/null", O_WRONLY | O_CLOEXEC)
        guardian = try ChildProcess(
            ["/bin/sh", "-c", Self.script, "pooler", folder, programs.account?.name ?? ""],
            environment: ["PATH=/usr/bin:/bin"], input: ends.reading, output: output)
        close(ends.reading)
        close(output)
        end = ends.writing
    }

    deinit {
        close(end)
        _ = guardian.wait()
    }

    /// Waits until it takes connections to a database, and gives the settings that reach it there.
    public func settings(_ database: ConnectionSettings) async throws -> ConnectionSettings {
        var settings = database
        settings.options["host"] = folder
        settings.options["port"] = "6432"
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(20)
        while true {
            do {
                await (try await Connection.open(settings)).close()
                return settings
            } catch {
                let log = FileManager.default.contents(atPath: folder + "/log") ?? Data()
                guard clock.now < deadline else {
                    let said = String(decoding: log, as: UTF8.self)
                    throw TestSupportError("PgBouncer does not answer: \(error) \(said)")
                }
                await Task.yield()
            }
        }
    }
}
