import Domain
import Foundation
import Synchronization

/// A program that receives the webhooks of the demo's customer, as the customer would: with a library of its own.
final class DemoReceiver: Sendable {
    private static let patienceSeconds = 30
    /// Seconds that it has to end.
    private static let endSeconds = 5
    private static let ends = ["batch.completed", "batch.failed"]

    /// Where it listens.
    let address: String
    private let process: Process
    private let input: FileHandle
    private let lines = Mutex<[String]>([])

    /// Starts it and waits until it listens.
    init(command: String) throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec " + command]
        let (output, input) = (Pipe(), Pipe())
        (process.standardOutput, process.standardInput) = (output, input)
        try process.run()
        let reading = output.fileHandleForReading
        address = Self.line(of: reading) ?? ""
        self.input = input.fileHandleForWriting
        guard address.hasPrefix("http://") || address.hasPrefix("https://") else {
            process.terminate()
            throw DaybookError(.failed, "The receiver did not say where it listens: \(command)")
        }
        Thread.detachNewThread { [self] in
            while let line = Self.line(of: reading) { lines.withLock { $0.append(line) } }
        }
    }

    private static func line(of file: FileHandle) -> String? {
        var line: [UInt8] = []
        while let byte = try? file.read(upToCount: 1)?.first {
            if byte == 0x0A { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }

    /// Gives it the secret that its messages are signed with.
    func take(secret: String) throws {
        try input.write(contentsOf: Data("\(secret)\n".utf8))
    }

    /// What it says of the end of a batch. Throws `failed` where it says nothing.
    func word(of batchID: String) async throws -> String {
        for _ in 0..<Self.patienceSeconds * 10 {
            let said = lines.withLock { lines in
                lines.last { line in line.contains(batchID) && Self.ends.contains { line.contains($0) } }
            }
            if let said { return said }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw DaybookError(.failed, "The receiver verified no message about the batch in \(Self.patienceSeconds) s.")
    }

    /// Ends it: a program that reads to the end of its input ends by itself, whatever signals it does not hear.
    func stop() {
        try? input.close()
        for _ in 0..<Self.endSeconds * 20 where process.isRunning { Thread.sleep(forTimeInterval: 0.05) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }
}
