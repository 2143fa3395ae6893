import API
import AsyncHTTPClient
import BatchEngine
import Console
import Domain
import Foundation
import Grsai
import Logging
import Postgres
import ServiceLifecycle
import UnixSignals

/// The API and a worker in this process, and the customer who uses them.
struct DemoEngine {
    let settings: ConnectionSettings
    let providerURL: String
    let providerKey: String
    let apiKey: String
    let items: Int

    /// What goes well is told by the demo itself.
    private static var logger: Logger {
        var logger = Logger(label: "demo")
        logger.logLevel = .error
        return logger
    }

    /// Ends when the batch is settled and shown.
    func run() async throws {
        let logger = Self.logger
        let pool = ConnectionPool(settings, limits: .init(maxConnections: 8))
        let client = GrsaiClient(settings: try GrsaiSettings(baseURL: providerURL, key: providerKey))
        let (addresses, listening) = AsyncStream<String>.makeStream()
        let server = APIServer(
            pool: pool, settings: APISettings(host: "127.0.0.1", port: 0), logger: logger,
            readCallback: { GrsaiCallback(body: $0)?.providerTaskID },
            onListening: { listening.yield($0) })
        let spool = NSTemporaryDirectory() + "/daybook-demo-spool-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: spool) }
        let customer = DemoCustomer(addresses: addresses, apiKey: apiKey, items: items) { address in
            let workerSettings = try WorkerSettings(callbackBase: address + "/callbacks", spoolFolder: spool)
            let settings = settings
            return Worker(provider: client, settings: workerSettings, logger: logger) {
                try await Connection.open(settings).direct(for: "A worker")
            }
        }
        var configuration = ServiceGroupConfiguration(
            services: [
                .init(service: server),
                .init(service: customer, successTerminationBehavior: .gracefullyShutdownGroup),
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch {
            try? await client.shutdown()
            await pool.close()
            throw error
        }
        try await client.shutdown()
        await pool.close()
    }
}
