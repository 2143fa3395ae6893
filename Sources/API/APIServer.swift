import Domain
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
public import Postgres
public import ServiceLifecycle

/// The Batch API as a service: listens until it is asked to stop, then answers what it has begun.
public struct APIServer: Service {
    /// Where the API is mounted: the others are for clients that know it from before.
    private static let basePaths = ["", "v1", "api/v1"]

    private let pool: ConnectionPool
    private let settings: APISettings
    private let logger: Logger
    private let readCallback: @Sendable ([UInt8]) -> String?
    private let onListening: @Sendable (String) async -> Void

    /// - Parameters:
    ///   - readCallback: The provider's id of the task that a callback's body is about, nil for a body that is none.
    ///   - onListening: Called with the address, once there is one.
    public init(
        pool: ConnectionPool, settings: APISettings, logger: Logger,
        readCallback: @escaping @Sendable ([UInt8]) -> String? = { _ in nil },
        onListening: @escaping @Sendable (String) async -> Void = { _ in }
    ) {
        self.pool = pool
        self.settings = settings
        self.logger = logger
        self.readCallback = readCallback
        self.onListening = onListening
    }

    public func run() async throws {
        let host = settings.host
        let (onListening, logger, bounds) = (onListening, logger, settings.bounds)
        let traffic = Traffic(
            bounds, connections: OpenFiles.makeRoom(for: bounds.connections, logger), logger: logger)
        let application = Application(
            router: router(traffic),
            server: HTTPServerBuilder { responder in
                let idle = TimeAmount.seconds(Int64(Limits.idleSeconds))
                return BoundedChannel(
                    http: HTTP1Channel(responder: responder, configuration: .init(idleTimeout: idle)),
                    traffic: traffic, bodySeconds: bounds.bodySeconds)
            },
            configuration: ApplicationConfiguration(address: .hostname(host, port: settings.port)),
            onServerRunning: { channel in
                // The first to hear of a failed accept: the handlers behind it say nothing of it.
                try? await channel.eventLoop.submit {
                    try channel.pipeline.syncOperations.addHandler(AcceptHandler(traffic, logger), position: .first)
                }.get()
                let name = host.contains(":") ? "[\(host)]" : host
                await onListening("http://\(name):\(channel.localAddress?.port ?? 0)")
            },
            logger: logger)
        try await application.run()
    }

    private func router(_ traffic: Traffic) -> Router<APIContext> {
        let doorkeeper = Doorkeeper(settings.bounds)
        let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: AnswerMiddleware(doorkeeper: doorkeeper))
        HealthRoutes(readiness: Readiness(pool)).add(to: router)
        CallbackRoutes(desk: CallbackDesk(pool), readCallback: readCallback).add(to: router)
        for path in Self.basePaths {
            let group = router.group(RouterPath(path)).add(
                middleware: KeyMiddleware(pool: pool, doorkeeper: doorkeeper, traffic: traffic))
            BatchRoutes(pool: pool, rules: settings.rules).add(to: group)
            CreditRoutes(pool: pool).add(to: group)
        }
        return router
    }
}
