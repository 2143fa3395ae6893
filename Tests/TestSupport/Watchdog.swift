import Glibc

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
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0, ends.allSatisfy({ fcntl($0, F_SETFD, FD_CLOEXEC) == 0 }) else {
            throw TestSupportError("No pipe for the watchdog.")
        }
        let output = open("/dev/null", O_WRONLY | O_CLOEXEC)
        _ = try ChildProcess(
            ["/bin/sh", "-c", script, "watchdog", folder],
            environment: ["PATH=/usr/bin:/bin"],
            input: ends[0],
            output: output
        )
        // The writing end stays open for as long as this process lives.
        close(ends[0])
        close(output)
    }
}
