import ArgumentParser
import Console
import Domain
import Foundation
import Postgres

/// `daybookd demo`
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "The whole engine at work, on the private server, against a simulated provider, in a minute.",
        discussion: """
            Makes a database of its own on the private server (a former one of the demo goes), with a clock that runs \
            sixty times as fast and started two hours ago. Starts the provider's simulator, the API and a worker, \
            submits a batch over HTTP, shows how it goes, prints its settlement receipt, and downloads one of its \
            videos. Then the SLA report of the month, which contains the batch, and the report of accesses, which \
            has the download, are written.

            --receiver names a program that is told of the batch as a customer's server would be. It prints the \
            address where it listens, reads the secret of its webhooks as a line, and prints a line for each message \
            that it verified, with the id of its batch in it. It ends with its input.
            """)

    @Option(
        parsing: .unconditional, help: "Videos of the batch. Default: 200.",
        transform: WholeNumber.within(1...Limits.batchItems))
    var items = 200
    @Option(help: ArgumentHelp("The folder of the reports and the video.", valueName: "dir")) var output = "out/engine"
    @Option(
        help: ArgumentHelp(
            "The command of a program that receives the batch's webhook. Default: nobody is told.",
            valueName: "command"))
    var receiver: String?
    @Option(help: ArgumentHelp("The database to make on the private server.", valueName: "name"))
    var privateDatabase = "engine_demo"

    func run() async throws {
        let database = DemoDatabase(name: privateDatabase)
        Terminal.say("Making the database \(privateDatabase) on the private server, with a customer who has credit.")
        let prepared = try await database.prepare()
        Terminal.say("Starting the provider's simulator; a minute is a second.")
        let simulator = try SimulatorProcess(timeScale: DemoDatabase.clockRate)
        defer { simulator.stop() }
        let receiver = try self.receiver.map { try DemoReceiver(command: $0) }
        defer { receiver?.stop() }
        Terminal.say("Starting the API and a worker.")
        try await DemoEngine(
            settings: prepared.settings, providerURL: simulator.address, providerKey: simulator.key,
            apiKey: prepared.apiKey, items: items, output: output, receiver: receiver
        ).run()
        let month = "\(prepared.month)"
        Terminal.say("Writing the SLA report of \(month).")
        try report(["sla", "--month", month])
        Terminal.say("Writing the report of accesses of \(month): the download is in it.")
        try report(["run", "access", "--param", "month=\(month)"])
    }

    /// The reporting tool stands beside this program.
    private func report(_ words: [String]) throws {
        let daybook = try Sibling.path("daybook")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: daybook)
        process.arguments =
            ["report"] + words + [
                "--private-database", privateDatabase, "--output", output,
                // The demo's customer does not exist, so everybody may read about it.
                "--mode", "0644", "--quiet",
            ]
        process.environment = DemoDatabase.privateEnvironment
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw DaybookError(.failed, "The report could not be written; see above.")
        }
    }
}

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

/// Programs that were built or installed beside this one.
enum Sibling {
    /// Throws `configuration` where there is none of that name.
    static func path(_ name: String) throws(DaybookError) -> String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        let path = URL(fileURLWithPath: own).deletingLastPathComponent().appending(path: name).path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw .configuration("There is no \(name) beside daybookd; build it: swift build --product \(name)")
        }
        return path
    }
}
