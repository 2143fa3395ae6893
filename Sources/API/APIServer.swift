import Hummingbird
public import Logging
import NIOCore
public import Postgres
public import ServiceLifecycle

/// The Batch API as a service: listens until it is asked to stop, then answers what it has begun.
public struct APIServer: Service {
    /// Seconds after which a connection on which nothing happens is closed.
    private static let idleSeconds: Int64 = 60
    /// Where the API is mounted: the others are for clients that know it from before.
    private static let basePaths = ["", "v1", "api/v1"]

    private let pool: ConnectionPool
    private let settings: APISettings
    private let logger: Logger
    private let readCallback: @Sendable ([UInt8]) -> String?
    private let onListening: @Sendable (String) async -> Void

    /// - Parameters:
    ///   - readCallback: The provider's id of the task that the body of a callback is about, nil for a body that is
    ///     none.
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
        let onListening = onListening
        let application = Application(
            router: router(),
            server: .http1(configuration: .init(idleTimeout: .seconds(Self.idleSeconds))),
            configuration: ApplicationConfiguration(address: .hostname(host, port: settings.port)),
            onServerRunning: { channel in
                let name = host.contains(":") ? "[\(host)]" : host
                await onListening("http://\(name):\(channel.localAddress?.port ?? 0)")
            },
            logger: logger)
        try await application.run()
    }

    private func router() -> Router<APIContext> {
        let router = Router(context: APIContext.self)
        router.add(middleware: AnswerMiddleware())
        HealthRoutes(pool: pool).add(to: router)
        CallbackRoutes(pool: pool, readCallback: readCallback).add(to: router)
        for path in Self.basePaths {
            let group = router.group(RouterPath(path)).add(middleware: KeyMiddleware(pool: pool))
            BatchRoutes(pool: pool, rules: settings.rules).add(to: group)
            CreditRoutes(pool: pool).add(to: group)
        }
        return router
    }
}
