import ArgumentParser
import BatchEngine
import Console
import Domain
import Grsai
import Logging
import Postgres
import ServiceLifecycle
import UnixSignals

/// `daybookd work`
struct WorkCommand: AsyncParsableCommand, EndsGracefully {
    static let configuration = CommandConfiguration(
        commandName: "work", abstract: "Hand ready tasks to the provider, ask how they stand, and settle batches.",
        discussion: """
            Prints "working" each time that it begins, and logs to standard error. Run as many as you like, on as \
            many machines as you like: they share nothing but the database. At SIGTERM or SIGINT a worker claims \
            nothing more, waits about a minute for the submissions under way, and leaves the rest to the others, \
            or to its successor. Killed, it loses nothing either: within five seconds another one takes over.
            """)

    @OptionGroup(title: "Provider") var provider: ProviderOptions
    @OptionGroup(title: "Worker") var worker: WorkerOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        let client = try provider.client()
        do {
            try await work(client)
            try await client.shutdown()
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private func work(_ client: GrsaiClient) async throws {
        let settings = try await database.settings()
        let probe = try await Connection.open(settings)
        do {
            try await probe.run { session in
                try session.requireDirect(for: "A worker")
                try session.requireWritable()
                try EngineSchema.require(session)
                try EngineSchema.requireRights(session)
            }
            await probe.close()
        } catch {
            await probe.close()
            throw error
        }
        let logger = Logger(label: "daybookd")
        let worker = try worker.worker(client, settings, logger) { Terminal.show("working") }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }
}
