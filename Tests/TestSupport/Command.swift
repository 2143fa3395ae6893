import Foundation
import Glibc

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
        let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        guard status == 0 else {
            throw TestSupportError("\(command.joined(separator: " ")) ended with \(status):\n\(text)")
        }
        return text
    }
}
