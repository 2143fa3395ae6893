import BatchEngine
import Domain
import Foundation
import Logging
import Postgres
import ServiceLifecycle
import UnixSignals

/// Workers whose provider is in their own process, takes every task at once and has rendered it by the first question:
/// what is left to measure is the engine.
///
///     engine-worker CONNINFO SPOOL SLOTS POLLS WORKERS
///
/// Prints "working" once for each worker that has begun, and ends in order at SIGTERM.
@main
enum EngineWorker {
    private struct InstantProvider: Provider {
        func submit(_ request: ProviderRequest) async -> SubmissionAnswer {
            .accepted(providerTaskID: UUID().uuidString)
        }

        func status(of providerTaskID: String) async -> ProviderStatus {
            .succeeded(videoURL: "https://example.com/\(providerTaskID)", pid: nil)
        }
    }

    static func main() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let arguments = CommandLine.arguments
        guard arguments.count == 6, let slots = Int(arguments[3]), let polls = Int(arguments[4]),
            let count = Int(arguments[5])
        else {
            FileHandle.standardError.write(Data("usage: engine-worker CONNINFO SPOOL SLOTS POLLS WORKERS\n".utf8))
            exit(64)
        }
        let database = ConnectionSettings(conninfo: arguments[1])
        let settings = try WorkerSettings(slots: slots, polls: polls, spoolFolder: arguments[2])
        var logger = Logger(label: "engine-worker")
        logger.logLevel = .warning
        let workers = (0..<count).map { _ in
            Worker(
                provider: InstantProvider(), settings: settings, logger: logger,
                onBegin: { FileHandle.standardOutput.write(Data("working\n".utf8)) }
            ) {
                try await Connection.open(database).direct(for: "A worker")
            }
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: workers, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }
}
