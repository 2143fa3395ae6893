import Domain
import Foundation

/// Gives a message to a program that sends it.
enum Submission {
    /// Throws `tryAgain` where the program fails, `configuration` where it cannot be started.
    static func run(_ command: [String], input: [UInt8]) throws {
        guard let program = command.first else { throw DaybookError.usage("Name the program that sends mail.") }
        let file = NSTemporaryDirectory() + "/daybook-mail-\(UUID().uuidString)"
        defer { unlink(file) }
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw OutputError.cannotWrite(file, errno) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: Data(input))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle(forReadingAtPath: file)
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw DaybookError.configuration("\(program) cannot be started; install it, or choose another way to send.")
        }
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let line = said.split(whereSeparator: \.isNewline).first.map(String.init) ?? "it ended with an error"
            throw DaybookError(.tryAgain, "The message was not sent: \(line.prefix(200)).")
        }
    }
}
