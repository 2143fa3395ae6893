import Dispatch
import Foundation
import Glibc
import Synchronization

/// A program that runs until it is told to stop, such as a server: its first line of output is awaited.
public final class RunningProgram: Sendable {
    /// The first line that it wrote to standard output.
    public let firstLine: String
    private let child: ChildProcess
    private let errorPath: String
    private let output: Int32
    private let hasEnded = Mutex(false)

    /// A program that is built beside the tests.
    public static func path(_ name: String) -> String {
        URL(fileURLWithPath: ProgramRun.daybook).deletingLastPathComponent().appending(path: name).path
    }

    /// Starts a program and waits for its first line.
    ///
    /// Throws ``TestSupportError`` with what it wrote to standard error if it ends without one.
    public static func start(
        _ arguments: [String], program: String, environment: [String: String] = [:]
    ) async throws -> RunningProgram {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "daybook.test.running").async {
                continuation.resume(
                    with: Result { try RunningProgram(arguments, program: program, environment: environment) })
            }
        }
    }

    private init(_ arguments: [String], program: String, environment: [String: String]) throws {
        errorPath = NSTemporaryDirectory() + "/daybook-running-\(UUID().uuidString).err"
        let ends = try ChildProcess.pipe()
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(null) }
        child = try ChildProcess(
            ["/bin/sh", "-c", "exec \"$@\" 2> '\(errorPath)'", "sh", program] + arguments,
            environment: ChildProcess.environment(environment), input: null, output: ends.writing)
        close(ends.writing)
        output = ends.reading
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(output, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        guard !line.isEmpty else {
            let status = child.wait()
            throw TestSupportError("\(program) ended with \(status): \(ChildProcess.text(errorPath))")
        }
        firstLine = String(decoding: line, as: UTF8.self)
    }

    deinit {
        if !hasEnded.withLock({ $0 }) {
            kill(child.identifier, SIGKILL)
            _ = child.wait()
        }
        close(output)
        unlink(errorPath)
    }

    /// Its number in the system.
    public var processID: Int32 { child.identifier }

    /// What it wrote to standard error so far.
    public var errors: String { ChildProcess.text(errorPath) }

    /// Asks it to end (SIGTERM) and waits; gives the exit code, 128 and the signal if one ended it.
    @discardableResult
    public func stop() async -> Int32 {
        kill(child.identifier, SIGTERM)
        let child = child
        let status = await withCheckedContinuation { continuation in
            DispatchQueue(label: "daybook.test.running").async { continuation.resume(returning: child.wait()) }
        }
        hasEnded.withLock { $0 = true }
        return status
    }
}
