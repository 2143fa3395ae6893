import ArgumentParser
import Domain
import Foundation
import GrsaiSimulator
import Logging
import ServiceLifecycle
import UnixSignals

/// The command line of the simulator: options and a call.
@main
struct SimulatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grsai-simulator",
        abstract: "Serves Grsai's contract without rendering anything, with seeded faults.",
        discussion: """
            Prints its address on standard output when it listens, then serves until SIGTERM or SIGINT:

              grsai-simulator --port 8089 --time-scale 60
              grsai-simulator --preset faulty --knob seed=7 --knob accept_then_drop=100 --journal accepted.jsonl

            The provider's calls need 'Authorization: Bearer \(SimulatorSettings.standardKey)' (see --key). Every task \
            that was taken, whether its client learned of it or not, is in the list; its nonce is the end of its \
            callback address:

              curl http://127.0.0.1:8089/admin/tasks
              curl http://127.0.0.1:8089/admin/tasks?nonce=0f3a9c
              curl http://127.0.0.1:8089/admin/stats
              curl http://127.0.0.1:8089/admin/knobs -d '{"accept_then_drop": 0}'
              curl http://127.0.0.1:8089/admin/clock -d '{"advance_seconds": 600}'

            With --time-scale 0 the clock stands still and only the last of these moves it.

            Knobs. A rate is per mille; what strikes is a function of the seed and the submission's nonce.
            \(SimulatorCommand.table)
            """)

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(
        parsing: .unconditional, help: "The port to listen on; 0, the default, takes a free one.",
        transform: WholeNumber.within(Limits.ports))
    var port = 0

    @Option(help: "The key that clients must send.")
    var key = SimulatorSettings.standardKey

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Simulated seconds a real second. Default: 1.", valueName: "n"),
        transform: WholeNumber.within(Limits.timeScales))
    var timeScale: Int64 = 1

    @Option(help: "The knobs to start from: calm (no faults) or faulty (all of them, now and then).")
    var preset = Preset.calm

    @Option(name: .customLong("knob"), help: ArgumentHelp("Sets a knob; may be repeated.", valueName: "name=value"))
    var knobs: [String] = []

    @Option(
        help: ArgumentHelp("Appends every task that was taken to this file, a JSON object a line.", valueName: "file"))
    var journal: String?

    /// Named values of all knobs.
    enum Preset: String, ExpressibleByArgument, CaseIterable {
        case calm, faulty
    }

    func run() async throws {
        do {
            let settings = try settings()
            let logger = Logger(label: "grsai-simulator") { StreamLogHandler.standardError(label: $0) }
            let simulator = Simulator(settings: settings, logger: logger) { address in
                FileHandle.standardOutput.write(Data((address + "\n").utf8))
            }
            let group = ServiceGroup(
                configuration: .init(
                    services: [.init(service: simulator)], gracefulShutdownSignals: [.sigterm, .sigint],
                    logger: logger))
            try await group.run()
        } catch let error as DaybookError {
            FileHandle.standardError.write(Data(("grsai-simulator: " + error.sentence + "\n").utf8))
            throw ExitCode(error.kind.rawValue)
        }
    }

    private func settings() throws -> SimulatorSettings {
        var changes: [String: Int64] = [:]
        for knob in knobs {
            let parts = knob.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let value = Int64(parts[1]) else {
                throw DaybookError.usage("'\(knob)' is not name=value with a whole number of at most 18 digits.")
            }
            changes[parts[0]] = value
        }
        let start = preset == .calm ? Knobs.calm : Knobs.faulty
        return try SimulatorSettings(
            host: host, port: port, key: key, timeScale: timeScale, knobs: try start.setting(changes), journal: journal)
    }

    /// Every knob with its values of the two presets.
    private static var table: String {
        let width = Knob.allCases.map(\.rawValue.count).max() ?? 0
        return Knob.allCases.map { knob in
            let name = knob.rawValue + String(repeating: " ", count: width - knob.rawValue.count)
            let values = knob.calm == knob.faulty ? "\(knob.calm)" : "\(knob.calm), faulty \(knob.faulty)"
            return "  \(name)  \(knob.meaning) [\(values)]"
        }.joined(separator: "\n")
    }
}
