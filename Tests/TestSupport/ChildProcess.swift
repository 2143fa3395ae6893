import Domain
import Foundation
import Glibc

/// A child process that inherits nothing but the three standard streams.
///
/// Foundation's `Process` waits until every descendant has closed what it
/// inherited, which a server that goes on running never does.
struct ChildProcess {
    let identifier: pid_t

    /// Starts a program, with its path first, from `/`.
    init(_ command: [String], environment: [String], input: Int32, output: Int32) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            // One that is closed by then is no failure.
            if let descriptor = Int32(name), descriptor > 2 {
                posix_spawn_file_actions_addclose(&actions, descriptor)
            }
        }
        let fromRoot = ["/bin/sh", "-c", "cd / && exec \"$@\"", "sh"] + command
        let arguments = fromRoot.map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        // The threads that start it block signals, which it would inherit.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var identifier: pid_t = 0
        let failure = posix_spawn(&identifier, fromRoot[0], &actions, &attributes, arguments, variables)
        guard failure == 0 else { throw TestSupportError("\(command[0]) cannot be run: error \(failure).") }
        self.identifier = identifier
    }

    /// Waits for the end and returns the exit status, 128 and the signal if one ended it.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(identifier, &status, 0) == -1 && errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    /// The environment of this process without what would name a database, and with what a test gives.
    static func environment(_ given: [String: String]) -> [String] {
        var variables = ProcessInfo.processInfo.environment
        for name in ["DATABASE_URL", "PGHOST", "PGSERVICE", "PGDATABASE", "PGPORT", "PGUSER"] { variables[name] = nil }
        // What says how much is tested is no setting of the programs.
        variables = variables.filter { !Setting.isMistaken($0.key) }
        return variables.merging(given) { _, given in given }.map { "\($0.key)=\($0.value)" }
    }

    /// A pipe of which children inherit only the end that they are given.
    static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0, ends.allSatisfy({ fcntl($0, F_SETFD, FD_CLOEXEC) == 0 }) else {
            throw TestSupportError("No pipe could be made.")
        }
        return (ends[0], ends[1])
    }

    /// What was written to a file, as text; nothing where there is none.
    static func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}

/// A program that runs to its end.
public enum Command {
    /// Runs a program from `/`, with its path first, and returns what it
    /// printed on both streams.
    ///
    /// Throws ``TestSupportError`` with the output if it does not exit with 0.
    @discardableResult
    public static func run(_ command: [String], environment: [String: String] = [:]) throws -> String {
        // A file and not a pipe: a server that is started keeps its output open.
        let path = "/tmp/daybook-output-\(UUID().uuidString)"
        let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let output = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard input >= 0, output >= 0 else { throw TestSupportError("\(path) cannot be written.") }
        defer {
            close(input)
            close(output)
            unlink(path)
        }
        let variables = ProcessInfo.processInfo.environment.merging(environment) { _, given in given }
        let child = try ChildProcess(
            command,
            environment: variables.map { "\($0.key)=\($0.value)" },
            input: input,
            output: output
        )
        let status = child.wait()
        let text = ChildProcess.text(path)
        guard status == 0 else {
            throw TestSupportError("\(command.joined(separator: " ")) ended with \(status):\n\(text)")
        }
        return text
    }
}

/// Why a test's surroundings could not be made.
public struct TestSupportError: Error, CustomStringConvertible {
    /// What happened.
    public let description: String

    /// An error with its explanation.
    public init(_ description: String) {
        self.description = description
    }
}
