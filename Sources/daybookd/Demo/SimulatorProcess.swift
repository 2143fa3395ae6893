import Domain
import Foundation

/// The provider's simulator as a child process.
final class SimulatorProcess {
    private let process = Process()
    /// Where it listens.
    let address: String
    /// The key that it wants.
    let key = "sk-demo"

    /// Starts it on a free port and waits until it listens.
    init(timeScale: Int64) throws {
        process.executableURL = URL(fileURLWithPath: try Sibling.path("grsai-simulator"))
        process.arguments = [
            "--port", "0", "--time-scale", "\(timeScale)", "--key", key, "--knob", "seed=2026",
            "--knob", "accept_then_drop=10", "--knob", "output_moderation=50", "--knob", "error=40",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        var line: [UInt8] = []
        while let piece = try output.fileHandleForReading.read(upToCount: 1), let byte = piece.first, byte != 0x0A {
            line.append(byte)
        }
        address = String(decoding: line, as: UTF8.self)
        guard address.hasPrefix("http://") else {
            process.terminate()
            throw DaybookError(.failed, "The simulator did not start.")
        }
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }
}
