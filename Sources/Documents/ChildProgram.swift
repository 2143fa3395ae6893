import Dispatch
import Domain
import Foundation
import Synchronization

/// A program that is run to its end in a group of processes of its own: a Ctrl-C at the terminal is for us, and what it
/// leaves in the background keeps nobody waiting, as Foundation's `Process` would.
package struct ChildProgram {
    /// How it ended.
    package struct End {
        /// Nil where a signal ended it.
        package let exitCode: Int32?
        package let signal: Int32
        package let wasKilledByUs: Bool
        package let output: String
        package let errors: String
    }

    /// What it prints that is read: the rest is dropped.
    private static let readBytes = 65_536

    private let words: [String]
    private let keepsOutput: Bool
    private let timeoutSeconds: Int?

    /// - Parameters:
    ///   - words: The program's path and its arguments.
    ///   - keepsOutput: False lets everything that it prints go to standard error.
    ///   - timeoutSeconds: After these it is killed with its group; nil lets it take its time.
    package init(_ words: [String], keepsOutput: Bool, timeoutSeconds: Int? = nil) {
        self.words = words
        self.keepsOutput = keepsOutput
        self.timeoutSeconds = timeoutSeconds
    }

    /// Runs it with `input` on its standard input. Nobody's thread waits for it.
    ///
    /// Throws `configuration` where it cannot be started, `output` where there is no room for its input.
    package func run(input: [UInt8]) async throws -> End {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<End, any Error>) in
            DispatchQueue(label: "daybook.child").async { continuation.resume(with: Result { try runNow(input) }) }
        }
    }

    private func runNow(_ input: [UInt8]) throws -> End {
        let files = try [Self.scratch(input), Self.scratch([]), Self.scratch([])]
        defer { for file in files { close(file) } }
        let process = try start(files)
        let state = Mutex((hasEnded: false, wasKilled: false))
        let alarm = DispatchWorkItem {
            state.withLock { state in
                guard !state.hasEnded else { return }
                state.wasKilled = true
                kill(-process, SIGKILL)
            }
        }
        if let timeoutSeconds {
            DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(timeoutSeconds), execute: alarm)
        }
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
        let signal = code & 0x7F
        return End(
            exitCode: signal == 0 ? code >> 8 & 0xFF : nil, signal: signal, wasKilledByUs: wasKilled,
            output: Self.text(files[1]), errors: Self.text(files[2]))
    }

    private func start(_ files: [Int32]) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, files[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, keepsOutput ? files[1] : STDERR_FILENO, STDOUT_FILENO)
        if keepsOutput { posix_spawn_file_actions_adddup2(&actions, files[2], STDERR_FILENO) }
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
        let arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, words[0], &actions, &attributes, arguments, environ)
        guard code == 0 else {
            throw DaybookError.configuration("\(words[0]) cannot be started: \(String(cString: strerror(code))).")
        }
        return process
    }

    /// A file without a name, which nobody else can open, with this content and read from its beginning.
    private static func scratch(_ content: [UInt8]) throws -> Int32 {
        var path = Array((NSTemporaryDirectory() + "/daybook-child-XXXXXX").utf8CString)
        let file = mkstemp(&path)
        guard file >= 0 else { throw OutputError.cannotWrite(NSTemporaryDirectory(), errno, isFixed: true) }
        unlink(&path)
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        var rest = content[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            guard written > 0 else {
                if errno == EINTR { continue }
                let code = errno
                close(file)
                throw OutputError.cannotWrite(NSTemporaryDirectory(), code, isFixed: true)
            }
            rest = rest.dropFirst(written)
        }
        lseek(file, 0, SEEK_SET)
        return file
    }

    private static func text(_ file: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: readBytes)
        let count = pread(file, &bytes, readBytes, 0)
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }
}
