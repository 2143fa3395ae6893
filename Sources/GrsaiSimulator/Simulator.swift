import AsyncHTTPClient
import Domain
import HTTPTypes
import Hummingbird
public import Logging
import NIOCore
public import ServiceLifecycle

/// A provider that renders nothing, with Grsai's contract and any number of faults.
public struct Simulator: Service {
    private let settings: SimulatorSettings
    private let logger: Logger
    private let onReady: @Sendable (String) async -> Void

    /// - Parameter onReady: called once with the address to call, when the server listens.
    public init(
        settings: SimulatorSettings, logger: Logger, onReady: @escaping @Sendable (String) async -> Void
    ) {
        self.settings = settings
        self.logger = logger
        self.onReady = onReady
    }

    /// Serves until it is asked to end: requests under way are answered first, hung ones are cut.
    ///
    /// - Throws: `DaybookError` where the journal cannot be written or the address cannot be listened on.
    public func run() async throws {
        let provider = try SimulatedProvider(settings: settings)
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: Self.callbacks)
        let router = Router(context: SimulatorContext.self)
        ProviderRoutes(provider: provider).add(to: router)
        AdminRoutes(provider: provider).add(to: router)
        let application = Application(
            router: router,
            configuration: .init(address: .hostname(settings.host, port: settings.port), backlog: Self.backlog),
            services: [CallbackCourier(provider: provider, client: client)],
            onServerRunning: { channel in
                let address = "http://\(settings.host):\(channel.localAddress?.port ?? settings.port)"
                await provider.listens(at: address)
                await onReady(address)
            },
            logger: logger)
        do {
            try await application.run()
        } catch let error as IOError {
            try await client.shutdown()
            throw DaybookError(
                .configuration, "The simulator cannot listen on \(settings.host):\(settings.port).",
                debugText: String(describing: error))
        } catch {
            try await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    /// Connections that wait to be taken: a batch is submitted over as many lines as it has tasks under way.
    private static let backlog = 4096

    private static var callbacks: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(2), read: .seconds(5)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 128
        return configuration
    }
}

/// How a simulator is started.
public struct SimulatorSettings: Sendable {
    /// The address to listen on.
    public let host: String
    /// The port; 0 takes a free one.
    public let port: Int
    /// The key that clients must send.
    public let key: String
    /// Simulated seconds per real second; 0 stands still, and only `POST /admin/clock` moves it.
    public let timeScale: Int64
    public let knobs: Knobs
    /// A file to which every accepted task is appended, one JSON object per line.
    public let journal: String?

    public static let standardKey = "sk-simulator"

    /// - Throws: `DaybookError` of kind `usage` for a port or a time scale out of range, or an empty key.
    public init(
        host: String = "127.0.0.1", port: Int = 0, key: String = standardKey, timeScale: Int64 = 1,
        knobs: Knobs = .calm, journal: String? = nil
    ) throws {
        guard Limits.ports.contains(port) else { throw DaybookError.usage("A port is a number from 0 to 65535.") }
        guard Limits.timeScales.contains(timeScale) else {
            throw DaybookError.usage("The time scale is a number from 0 to 100000.")
        }
        guard !key.isEmpty else { throw DaybookError.usage("The key must not be empty.") }
        self.host = host
        self.port = port
        self.key = key
        self.timeScale = timeScale
        self.knobs = knobs
        self.journal = journal
    }
}
