import Dispatch
import Domain
import Foundation

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
