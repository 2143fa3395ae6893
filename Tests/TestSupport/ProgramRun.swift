import Dispatch
import Foundation
import Glibc
import Synchronization

/// One run of the program under test, with its two streams apart.
public struct ProgramRun: Sendable {
    public let exitCode: Int32
    public let output: String
    public let errors: String

    /// The program, which is built beside the tests.
    public static let daybook = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "daybook").path

    /// Runs a program to its end, without input, or until it is killed. Nobody's thread waits for it.
    ///
    /// It runs in `folder`, else in a folder of its own that goes with it. `killAfter` is the number of seconds after
    /// which it gets SIGKILL; a signal is 128 and its number. With `atOnce` it does not wait until others have ended:
    /// for a test that watches it while it runs.
    public init(
        _ arguments: [String], program: String = ProgramRun.daybook, environment: [String: String] = [:],
        folder: String? = nil, input: String = "/dev/null", killAfter: Double? = nil, atOnce: Bool = false
    ) async throws {
        if !atOnce { await ProgramGate.shared.enter() }
        let result = await withCheckedContinuation { continuation in
            DispatchQueue(label: "daybook.test.program").async {
                continuation.resume(
                    returning: Result {
                        try ProgramRun(
                            blocking: arguments, program: program, environment: environment, folder: folder,
                            input: input, killAfter: killAfter)
                    })
            }
        }
        if !atOnce { await ProgramGate.shared.leave() }
        self = try result.get()
    }

    private init(
        blocking arguments: [String], program: String, environment: [String: String], folder: String?, input: String,
        killAfter: Double?
    ) throws {
        let base = NSTemporaryDirectory() + "/daybook-run-\(UUID().uuidString)"
        let folder = folder ?? base
        try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: false)
        defer {
            unlink(base + ".out")
            unlink(base + ".err")
            try? FileManager.default.removeItem(atPath: base)
        }
        // The shell gives the streams; it is replaced by the program, so that a signal meets the right process.
        let script = "cd \"$1\" && shift && exec \"$@\" < \"$DAYBOOK_TEST_INPUT\" > '\(base).out' 2> '\(base).err'"
        let variables = environment.merging(["DAYBOOK_TEST_INPUT": input]) { _, own in own }
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        let child = try ChildProcess(
            ["/bin/sh", "-c", script, "sh", folder, program] + arguments,
            environment: ChildProcess.environment(variables), input: null, output: null)
        if let killAfter {
            usleep(UInt32(killAfter * 1_000_000))
            kill(child.identifier, SIGKILL)
        }
        exitCode = child.wait()
        output = ChildProcess.text(base + ".out")
        errors = ChildProcess.text(base + ".err")
    }

    /// Runs a program that must end with 0, and gives what it printed.
    @discardableResult
    public static func expectingSuccess(
        _ arguments: [String], program: String = ProgramRun.daybook
    ) async throws -> String {
        let run = try await ProgramRun(arguments, program: program)
        guard run.exitCode == 0 else {
            throw TestSupportError(
                "\(program) \(arguments.joined(separator: " ")) ended with \(run.exitCode): \(run.errors)")
        }
        return run.output
    }
}

/// Lets as many programs run at once as the machine has cores: tests that all start theirs at once would only time each other out.
actor ProgramGate {
    static let shared = ProgramGate(places: max(ProcessInfo.processInfo.activeProcessorCount, 2))

    private var places: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(places: Int) {
        self.places = places
    }

    func enter() async {
        if places > 0 {
            places -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func leave() {
        if waiting.isEmpty {
            places += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}

/// The Python that reads outputs back: Debian's, which has openpyxl beside it, unless `DAYBOOK_TEST_PYTHON` names another.
public enum TestPython {
    public static let path = ProcessInfo.processInfo.environment["DAYBOOK_TEST_PYTHON"] ?? "/usr/bin/python3"
}

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

    /// The most that it has had in memory.
    public var mostMegabytes: Int {
        get throws {
            let status = try String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
            return (line.split(separator: " ").compactMap { Int($0) }.first ?? .max) / 1024
        }
    }

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
