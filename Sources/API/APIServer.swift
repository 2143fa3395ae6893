public import BatchEngine
public import Domain
import Glibc
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
public import Postgres
public import ServiceLifecycle

/// The Batch API as a service: listens until it is asked to stop, then answers what it has begun.
public struct APIServer: Service {
    /// What a callback's body is about: the provider's id of a task, and whether it tells of an end.
    public typealias ReadCallback = @Sendable ([UInt8]) -> (providerTaskID: String, claimsEnd: Bool)?

    /// Where the API is mounted: the others are for clients that know it from before.
    private static let basePaths = ["", "v1", "api/v1"]

    private let pool: ConnectionPool
    private let settings: APISettings
    private let videos: VideoServing?
    private let logger: Logger
    private let readCallback: ReadCallback
    private let explain: @Sendable (any Error) -> String?
    private let onListening: @Sendable (String) async -> Void

    /// - Parameters:
    ///   - videos: Where videos are served from; nil where nothing is kept here.
    ///   - readCallback: What a callback's body is about, nil for a body that is none.
    ///   - explain: The sentence of an error for the log, with the command that helps; nil where it is none of ours.
    ///   - onListening: Called with the address, once there is one.
    public init(
        pool: ConnectionPool, settings: APISettings, videos: VideoServing? = nil, logger: Logger,
        readCallback: @escaping ReadCallback = { _ in nil },
        explain: @escaping @Sendable (any Error) -> String? = { _ in nil },
        onListening: @escaping @Sendable (String) async -> Void = { _ in }
    ) {
        self.pool = pool
        self.settings = settings
        self.videos = videos
        self.logger = logger
        self.readCallback = readCallback
        self.explain = explain
        self.onListening = onListening
    }

    public func run() async throws {
        let host = settings.host
        let (onListening, logger, bounds) = (onListening, logger, settings.bounds)
        let traffic = Traffic(
            bounds, connections: OpenFiles.makeRoom(for: bounds.connections, logger), logger: logger)
        let uses = KeyUses(pool, logger)
        let minutes = OwnMinutes(pool, logger)
        let application = Application(
            router: router(traffic, uses, minutes),
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
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await uses.run() }
            group.addTask { await minutes.run() }
            defer { group.cancelAll() }
            try await application.run()
        }
        await uses.write()
        await minutes.write(isEnd: true)
    }

    private func router(_ traffic: Traffic, _ uses: KeyUses, _ minutes: OwnMinutes) -> Router<APIContext> {
        let doorkeeper = Doorkeeper(settings.bounds)
        let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
        let watch = Watch(pool)
        let proxies = TrustedProxies(networks: settings.trustedProxies)
        router.add(
            middleware: AnswerMiddleware(doorkeeper: doorkeeper, watch: watch, minutes: minutes, proxies: proxies))
        HealthRoutes(readiness: Readiness(pool, explain: explain), watch: watch).add(to: router)
        CallbackRoutes(desk: CallbackDesk(pool), readCallback: readCallback).add(to: router)
        for path in Self.basePaths {
            let group = router.group(RouterPath(path)).add(
                middleware: KeyMiddleware(pool: pool, doorkeeper: doorkeeper, traffic: traffic, uses: uses))
            BatchRoutes(pool: pool, rules: settings.rules).add(to: group)
            CreditRoutes(pool: pool).add(to: group)
            WebhookRoutes(pool: pool, rules: settings.rules).add(to: group)
            let videoRoutes = VideoRoutes(pool: pool, videos: videos)
            videoRoutes.add(to: group)
            // Videos are shown to people who have no key, where their owners let them.
            videoRoutes.addContent(
                to: router.group(RouterPath(path)).add(
                    middleware: KeyMiddleware(
                        pool: pool, doorkeeper: doorkeeper, traffic: traffic, uses: uses, letsStrangersPass: true)))
        }
        return router
    }
}

/// How the API is served.
public struct APISettings: Sendable {
    /// The address to listen on.
    public var host: String
    /// The port; 0 takes a free one.
    public var port: Int
    /// What requests may ask for.
    public var rules: RequestRules
    /// What callers may take of the server at once.
    public var bounds: ServerBounds
    /// Proxies whose word is taken for who asked them.
    public var trustedProxies: [InternetNetwork]

    public init(
        host: String = "127.0.0.1", port: Int = 8080, rules: RequestRules = RequestRules(),
        bounds: ServerBounds = ServerBounds(), trustedProxies: [InternetNetwork] = []
    ) {
        self.host = host
        self.port = port
        self.rules = rules
        self.bounds = bounds
        self.trustedProxies = trustedProxies
    }
}

/// What strangers and customers may take of the server at once, as far as an operator chooses it.
public struct ServerBounds: Sendable, Hashable {
    /// Connections of clients.
    public var connections: Int
    /// Seconds from the head of a request to the end of its body.
    public var bodySeconds: Int
    /// Bytes of all bodies that have not been answered.
    public var bodiesBytes: Int
    /// Bytes of all bodies of one key that have not been answered.
    public var bodiesBytesOfKey: Int
    /// Calls without a key, per minute and address.
    public var keylessPerMinute: Int64

    public init(
        connections: Int = Limits.serverConnections, bodySeconds: Int = Limits.bodySeconds,
        bodiesBytes: Int = Limits.bodiesBytes, bodiesBytesOfKey: Int = Limits.bodiesBytesOfKey,
        keylessPerMinute: Int64 = Limits.keylessPerMinute
    ) {
        self.connections = connections
        self.bodySeconds = bodySeconds
        self.bodiesBytes = bodiesBytes
        self.bodiesBytesOfKey = bodiesBytesOfKey
        self.keylessPerMinute = keylessPerMinute
    }
}

/// The file descriptors of the process.
enum OpenFiles {
    /// Raises the limit to what so many connections need, as far as the system lets us; gives the connections that
    /// there is room for.
    static func makeRoom(for connections: Int, _ logger: Logger) -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return connections }
        let wanted = rlim_t(connections + Limits.serverFiles)
        if limit.rlim_cur < wanted {
            var raised = limit
            raised.rlim_cur = min(wanted, limit.rlim_max)
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        guard limit.rlim_cur < wanted else { return connections }
        let files = Int(limit.rlim_cur)
        let room = min(connections, max(files - Limits.serverFiles, files / 2))
        logger.warning(
            "The limit of open files allows for fewer connections than wanted; see: ulimit -n",
            metadata: ["files.limit": "\(files)", "connections.wanted": "\(connections)", "connections": "\(room)"])
        return room
    }
}

/// Says once that connections cannot be accepted for want of file descriptors, and closes some that nobody needs. That
/// the server tries again only after a second is the business of NIO's own handler behind this one.
final class AcceptHandler: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    /// Connections that are closed at once.
    private static let room = 8
    /// Milliseconds without a failure after which the next one is news.
    private static let quietMilliseconds: Int64 = 60_000

    private let traffic: Traffic
    private let logger: Logger
    private var failedAt: Int64?

    init(_ traffic: Traffic, _ logger: Logger) {
        self.traffic = traffic
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) {
            let now = Traffic.now
            if now - (failedAt ?? Int64.min / 2) > Self.quietMilliseconds {
                logger.error(
                    "No connection can be accepted: there is no file descriptor or no memory left; see: ulimit -n",
                    metadata: ["errno": "\(error.errnoCode)"])
            }
            failedAt = now
            traffic.makeRoom(Self.room)
        }
        context.fireErrorCaught(error)
    }
}
