import Domain
public import Logging
public import Postgres
public import ServiceLifecycle

/// Sends what batches have to tell to the addresses of their customers.
///
/// Any number of couriers share an outbox. One that is killed has its deliveries sent again by another, with the same
/// id and the same bytes: a receiver hears of everything at least once. An address that does not answer takes at most
/// four of a courier's places for five seconds each, and its own turn comes after those that answer.
public struct WebhookCourier: Service {
    /// Messages under way at once.
    static let underWay = 1_024
    /// Of one address.
    static let ofOne = 4
    /// Deliveries that are taken, and attempts that are recorded, in one transaction.
    static let together = 128
    /// Between looks into an outbox that was empty.
    static let pause = Duration.milliseconds(500)
    static let pauseAfterFailure = Duration.seconds(2)

    private let pool: ConnectionPool
    private let transport: any WebhookTransport
    private let logger: Logger
    private let explain: @Sendable (any Error) -> String

    /// - Parameters:
    ///   - pool: Connections of the courier's own; two are enough.
    ///   - explain: An error for the log, with the command that helps.
    public init(
        pool: ConnectionPool, transport: any WebhookTransport, logger: Logger,
        explain: @escaping @Sendable (any Error) -> String = { "\($0)" }
    ) {
        self.pool = pool
        self.transport = transport
        self.logger = logger
        self.explain = explain
    }

    /// Sends until it is asked to stop, then ends what is under way and records it.
    public func run() async throws {
        let desk = WebhookDesk()
        let (taken, takes) = AsyncStream<WebhookDelivery>.makeStream()
        await withDiscardingTaskGroup { group in
            async let taking: Void = cancelWhenGracefulShutdown {
                await work(desk, takes)
                takes.finish()
            }
            for await delivery in taken {
                group.addTask {
                    let answer = await transport.send(delivery.message)
                    await desk.end(delivery, answer)
                }
            }
            await taking
        }
        // Where the database is away, they are sent again.
        try? await record(desk)
    }

    private func work(_ desk: WebhookDesk, _ takes: AsyncStream<WebhookDelivery>.Continuation) async {
        var isSilent = false
        while !Task.isCancelled {
            do {
                try await record(desk)
                let (free, full) = await desk.room(for: Self.underWay, ofOne: Self.ofOne)
                let limit = min(free, Self.together)
                let taken =
                    limit == 0
                    ? []
                    : try await pool.transaction { session in
                        try WebhookOutbox(session).take(limit, ofOne: Self.ofOne, except: full)
                    }
                for delivery in taken {
                    await desk.begin(delivery)
                    takes.yield(delivery)
                }
                if taken.isEmpty { await desk.bell.wait(atMost: Self.pause) }
                isSilent = false
            } catch {
                guard !Task.isCancelled else { return }
                if !isSilent {
                    logger.error("webhooks wait for the database", metadata: ["webhook.cause": "\(explain(error))"])
                }
                isSilent = true
                try? await Task.sleep(for: Self.pauseAfterFailure)
            }
        }
    }

    /// Records what has ended, and forgets it once that is committed.
    private func record(_ desk: WebhookDesk) async throws {
        while true {
            let ended = await desk.ended(atMost: Self.together)
            guard !ended.isEmpty else { return }
            do {
                try await pool.transaction { try WebhookOutbox($0).note(ended) }
            } catch let error as PostgresError where error.sqlState != nil && ended.count > 1 {
                try await recordSingly(ended)
            }
            await desk.forget(ended)
        }
    }

    /// What the database refuses is named, and sent again when its time is over; it keeps nothing else back.
    private func recordSingly(_ ended: [WebhookAttempt]) async throws {
        for attempt in ended {
            do {
                try await pool.transaction { try WebhookOutbox($0).note([attempt]) }
            } catch let error as PostgresError where error.sqlState != nil {
                logger.error(
                    "a webhook's attempt could not be recorded",
                    metadata: [
                        "webhook.event": "\(attempt.delivery.eventID)", "webhook.cause": "\(explain(error))",
                    ])
            }
        }
    }
}

/// What a courier has under way, and what has ended and is not recorded yet.
actor WebhookDesk {
    nonisolated let bell = Bell()
    private var busy: [String: Int] = [:]
    private var waiting: [WebhookAttempt] = []

    /// How many more may be under way, and the addresses that have as many as they may.
    func room(for underWay: Int, ofOne: Int) -> (free: Int, full: [String]) {
        (underWay - busy.values.reduce(0, +), busy.filter { $0.value >= ofOne }.map(\.key))
    }

    func begin(_ delivery: WebhookDelivery) {
        busy[delivery.endpointID, default: 0] += 1
    }

    /// An answer of nil is none: the call was ended with the program, and is made again.
    func end(_ delivery: WebhookDelivery, _ answer: WebhookAnswer?) async {
        if let answer {
            waiting.append(WebhookAttempt(delivery: delivery, answer: answer))
        } else {
            release(delivery)
        }
        await bell.ring()
    }

    func ended(atMost limit: Int) -> [WebhookAttempt] { Array(waiting.prefix(limit)) }

    func forget(_ attempts: [WebhookAttempt]) {
        waiting.removeFirst(attempts.count)
        for attempt in attempts { release(attempt.delivery) }
    }

    private func release(_ delivery: WebhookDelivery) {
        let left = (busy[delivery.endpointID] ?? 1) - 1
        busy[delivery.endpointID] = left == 0 ? nil : left
    }
}
