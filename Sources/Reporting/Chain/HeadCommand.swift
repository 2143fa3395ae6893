import Dispatch
public import Domain
import Foundation
import Synchronization

/// Gives the head of a chain to a command of the operator's, who keeps it where no role of the database can write.
public struct HeadCommand: Sendable {
    private let command: String
    private let timeoutSeconds: Int

    /// - Parameter command: What the shell is to run. Nothing is put into it: the head is on its standard input.
    public init(_ command: String, timeoutSeconds: Int = Limits.headCommandSeconds) {
        self.command = command
        self.timeoutSeconds = timeoutSeconds
    }

    /// Runs `/bin/sh -c COMMAND` with the line of a head on its standard input; what it prints goes to standard error.
    /// Nobody's thread waits for it.
    ///
    /// Throws `failed` where it does not end with 0, or not in time: then it is killed, with its group of processes.
    public func give(_ head: ChainHead) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            DispatchQueue(label: "daybook.head").async { continuation.resume(with: Result { try run(head.line) }) }
        }
    }

    private func run(_ line: String) throws {
        let process = try start(line)
        let state = Mutex((hasEnded: false, wasKilled: false))
        let alarm = DispatchWorkItem {
            state.withLock { state in
                guard !state.hasEnded else { return }
                state.wasKilled = true
                kill(-process, SIGKILL)
            }
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(timeoutSeconds), execute: alarm)
        // Looked at before it is taken away: until then its number is no other process's.
        var status = siginfo_t()
        while waitid(P_PID, id_t(process), &status, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
        let wasKilled = state.withLock { state in
            state.hasEnded = true
            return state.wasKilled
        }
        alarm.cancel()
        var code: Int32 = 0
        while waitpid(process, &code, 0) < 0 && errno == EINTR {}
        guard !wasKilled else { throw failure("the command did not end within \(timeoutSeconds) s") }
        guard code & 0x7F == 0 else { throw failure("the command was ended by signal \(code & 0x7F)") }
        guard code >> 8 & 0xFF == 0 else { throw failure("the command ended with \(code >> 8 & 0xFF)") }
    }

    /// Starts the shell in a group of its own, with the signals as they are by default. Foundation's `Process` would
    /// wait for whatever the command leaves in the background.
    private func start(_ line: String) throws -> pid_t {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw failure(String(cString: strerror(errno))) }
        defer { for end in ends { close(end) } }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // The pipe has room for a line: a command that does not read keeps nobody waiting.
        let bytes = Array((line + "\n").utf8)
        guard write(ends[1], bytes, bytes.count) == bytes.count else { throw failure("its pipe is full") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let words = ["/bin/sh", "-c", command]
        let arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, "/bin/sh", &actions, &attributes, arguments, environ)
        guard code == 0 else { throw failure("/bin/sh cannot be started: \(String(cString: strerror(code)))") }
        return process
    }

    private func failure(_ why: String) -> DaybookError { DaybookError(.failed, "The head was not handed on: \(why).") }
}
