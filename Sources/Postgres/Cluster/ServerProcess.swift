import Dispatch
import Domain
import Foundation

/// Runs PostgreSQL's programs and waits for them.
enum ServerProcess {
    /// Runs a command. Throws `failed` with the last line that it said if it fails.
    static func run(_ command: [String], failure: String) throws(DaybookError) {
        let folder = NSTemporaryDirectory()
        let path = folder + "/daybook-\(getpid())-\(UInt32.random(in: 0 ... .max)).log"
        FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
        defer { unlink(path) }
        let output = FileHandle(forWritingAtPath: path)
        let code = try status(command, output: output)
        guard code != 0 else { return }
        let said = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let last = said.split(separator: "\n").last { !$0.allSatisfy(\.isWhitespace) } ?? "no reason given"
        throw DaybookError(.failed, "\(failure): \(last)", debugText: said)
    }

    /// The exit status of a command, started in the root folder without any input.
    static func status(_ command: [String], output: FileHandle? = nil) throws(DaybookError) -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output ?? FileHandle.nullDevice
        process.standardError = output ?? FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw .configuration("\(command[0]) cannot be started; is it installed?")
        }
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Waiting for a program blocks its thread, so it never happens on Swift's cooperative ones.
    static func offCooperativeThreads<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result(catching: body)) }
        }
    }
}
