import API
import ArgumentParser
import BatchEngine
import Console
import Domain
import Grsai
import Logging
import Postgres
import ServiceLifecycle
import UnixSignals
import Webhooks

/// `daybookd serve`
struct ServeCommand: AsyncParsableCommand, EndsGracefully {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve the Batch API over HTTP.",
        discussion: """
            Prints its address once it listens, and logs to standard error. TLS is for the proxy in front of it. It \
            sends webhooks too: any number of servers share them. At \
            SIGTERM or SIGINT it takes no more requests, and ends when those under way are answered, or after 20 \
            seconds.
            """)

    @Option(help: "The address to listen on.") var host = "127.0.0.1"
    @Option(
        parsing: .unconditional, help: "The port to listen on; 0 takes a free one. Default: 8080.",
        transform: WholeNumber.within(Limits.ports))
    var port = 8080
    @Option(
        parsing: .unconditional, help: "Connections to the database, at most. Default: 16.",
        transform: WholeNumber.within(Limits.databaseConnections))
    var connections = 16
    @OptionGroup(title: "Webhooks") var webhooks: WebhookOptions
    @Flag(help: "Work off the batches too, in this process; see: daybookd work --help") var work = false
    @Option(
        help: ArgumentHelp(
            "A proxy in front, an address or a network, whose X-Forwarded-For says who calls; may be given several "
                + "times. Default: none, and who connects is who calls.", valueName: "network"),
        transform: { try InternetNetwork($0) })
    var trustedProxy: [InternetNetwork] = []
    @OptionGroup(title: "Bounds") var bounds: BoundsOptions
    @OptionGroup(title: "Provider, with --work") var provider: ProviderOptions
    @OptionGroup(title: "Worker, with --work") var worker: WorkerOptions
    @OptionGroup(title: "Store") var store: StoreOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func validate() throws {
        let idle = (provider.given + worker.given).first
        guard work || idle == nil else {
            throw ValidationError("\(idle ?? "") is of a worker, and this process is to be none: say --work with it.")
        }
        guard trustedProxy.count <= Limits.trustedProxies else {
            throw ValidationError("--trusted-proxy may be given at most \(Limits.trustedProxies) times.")
        }
    }

    func run() async throws {
        let settings = try await database.settings()
        let pool = ConnectionPool(settings, limits: .init(maxConnections: connections))
        do {
            try await pool.run { [work] session in
                if work { try session.requireDirect(for: "A worker (--work)") }
                try session.requireWritable()
                try EngineSchema.require(session)
                try EngineSchema.requireRights(session)
            }
            let videos = try await openStore(settings)
            do {
                try await serve(pool, settings, videos)
                try await videos?.shutdown()
            } catch {
                try? await videos?.shutdown()
                throw error
            }
            await pool.close()
        } catch {
            await pool.close()
            throw error
        }
    }

    /// A server that names no store serves no videos; a worker needs the database's.
    private func openStore(_ settings: ConnectionSettings) async throws -> OpenedStore? {
        guard store.store != nil || work else { return nil }
        let connection = try await Connection.open(settings)
        do {
            let videos = try await store.open(connection)
            await connection.close()
            return videos
        } catch {
            await connection.close()
            throw error
        }
    }

    private func serve(
        _ pool: ConnectionPool, _ settings: ConnectionSettings, _ opened: OpenedStore?
    ) async throws {
        let logger = Logger(label: "daybookd")
        let rules = RequestRules(allowsPlainWebhooks: webhooks.places.allowHttpWebhooks)
        let server = APIServer(
            pool: pool,
            settings: APISettings(
                host: host, port: port, rules: rules, bounds: bounds.bounds, trustedProxies: trustedProxy),
            videos: opened.map { VideoServing(store: $0.videos, publicURL: worker.publicURL(store)) }, logger: logger,
            readCallback: { GrsaiCallback(body: $0)?.told },
            explain: { Failure.failure(of: $0)?.sentence },
            onListening: { Terminal.show($0) })
        // Every part of the daemon is a service of this group.
        let client = work ? try provider.client() : nil
        let source = work ? HTTPVideoSource(providerURL: provider.address) : nil
        let transport = HTTPWebhookTransport(rules: webhooks.places.rules)
        // Of its own, so that callers never wait for it.
        let outbox = ConnectionPool(settings, limits: .init(maxConnections: 2))
        do {
            var services: [any Service] = [server]
            if !webhooks.noWebhooks {
                services.append(
                    WebhookCourier(pool: outbox, transport: transport, logger: logger) { Failure.words(of: $0) })
            }
            if let client, let source {
                services.append(
                    try worker.worker(client, settings, logger, store: worker.store(opened, source, store)))
            }
            var configuration = ServiceGroupConfiguration(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
            configuration.maximumGracefulShutdownDuration = .seconds(work ? 75 : 20)
            try await ServiceGroup(configuration: configuration).run()
            try await end(client, transport, source, outbox)
        } catch {
            try? await end(client, transport, source, outbox)
            if Failure.failure(of: error) != nil { throw error }
            throw DaybookError(.failed, "Serving \(host):\(port) failed: \(error).")
        }
    }
}

extension ServeCommand {
    private func end(
        _ client: GrsaiClient?, _ transport: HTTPWebhookTransport, _ source: HTTPVideoSource?,
        _ outbox: ConnectionPool
    ) async throws {
        await outbox.close()
        try await source?.shutdown()
        try await transport.shutdown()
        try await client?.shutdown()
    }
}

/// Whether webhooks are sent from here, and where they may go.
struct WebhookOptions: ParsableArguments {
    @Flag(help: "Leave the sending of webhooks to other servers.") var noWebhooks = false
    @OptionGroup var places: WebhookPlaces
}

/// Where webhooks may go.
struct WebhookPlaces: ParsableArguments {
    @Flag(help: "Take webhook addresses with http://, for tests.") var allowHttpWebhooks = false
    @Flag(help: "Send webhooks to addresses of one's own network too, for tests.") var allowPrivateWebhooks = false

    var rules: HTTPWebhookTransport.Rules {
        .init(allowsPlain: allowHttpWebhooks, allowsPrivate: allowPrivateWebhooks)
    }
}

/// What callers may take of the server at once.
struct BoundsOptions: ParsableArguments {
    private static let megabyte = 1_048_576

    @Option(
        parsing: .unconditional,
        help:
            "Connections of clients at once; beyond it those that do nothing go. Default: \(Limits.serverConnections).",
        transform: WholeNumber.within(Limits.serverConnectionsRange))
    var maxConnections = Limits.serverConnections
    @Option(
        parsing: .unconditional,
        help: "Seconds from the head of a request to the end of its body. Default: \(Limits.bodySeconds).",
        transform: WholeNumber.within(Limits.bodySecondsRange))
    var bodySeconds = Limits.bodySeconds
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Megabytes of all bodies under way; beyond it the slowest are given up. Default: "
                + "\(Limits.bodiesBytes / megabyte)."),
        transform: WholeNumber.within(Limits.bodiesMegabytesRange))
    var bodyMegabytes = Limits.bodiesBytes / megabyte
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Megabytes of the bodies of one key under way. Default: \(Limits.bodiesBytesOfKey / megabyte)."),
        transform: WholeNumber.within(Limits.bodiesMegabytesRange))
    var keyBodyMegabytes = Limits.bodiesBytesOfKey / megabyte
    @Option(
        parsing: .unconditional,
        help: "Calls a minute and address without a key. Default: \(Limits.keylessPerMinute).",
        transform: WholeNumber.within(Limits.keylessPerMinuteRange))
    var keylessPerMinute = Int(Limits.keylessPerMinute)

    var bounds: ServerBounds {
        ServerBounds(
            connections: maxConnections, bodySeconds: bodySeconds, bodiesBytes: bodyMegabytes * Self.megabyte,
            bodiesBytesOfKey: keyBodyMegabytes * Self.megabyte, keylessPerMinute: Int64(keylessPerMinute))
    }
}
