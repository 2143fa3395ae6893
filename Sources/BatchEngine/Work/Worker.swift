public import Domain
import Foundation
public import Logging
public import Postgres
public import ServiceLifecycle

/// Hands ready tasks to the provider, asks how they stand, and settles batches.
///
/// A worker is one incarnation after another: when it was declared dead or the database went away, it begins afresh
/// under a new number. Submissions outlive incarnations: what the provider answers is spooled and then recorded by
/// whichever incarnation is there. Any number of workers on any number of machines share nothing but PostgreSQL.
public struct Worker: Service {
    /// Opens a connection to the engine's database.
    public typealias Connect = @Sendable () async throws -> DirectConnection

    let connect: Connect
    let provider: any Provider
    let settings: WorkerSettings
    let store: WorkerStore?
    let logger: Logger
    let explain: @Sendable (any Error) -> String
    let onBegin: @Sendable () async -> Void

    /// - Parameters:
    ///   - store: Where videos are copied to before their tasks end; nil ends them with the provider's address.
    ///   - explain: An error for the log, with the command that helps.
    ///   - onBegin: Called each time that the worker begins, under a new number.
    public init(
        provider: any Provider, settings: WorkerSettings, store: WorkerStore? = nil, logger: Logger,
        explain: @escaping @Sendable (any Error) -> String = { "\($0)" },
        onBegin: @escaping @Sendable () async -> Void = {}, connect: @escaping Connect
    ) {
        self.connect = connect
        self.explain = explain
        self.onBegin = onBegin
        self.provider = provider
        self.settings = settings
        self.store = store
        self.logger = logger
    }

    /// Works until it is asked to stop: then it claims nothing more, waits for the submissions under way, and leaves
    /// the rest to others.
    ///
    /// Throws what no restart can mend: `output` where the spool cannot be written, `configuration` where the
    /// connection leads to another database by and by. Without a database it waits for one.
    public func run() async throws {
        guard let database = await awaitedDatabase() else { return }
        let spool = try AnswerSpool(folder: settings.spoolFolder, database: database)
        remind(of: spool.asidePaths())
        let desk = SubmissionDesk(provider: provider, spool: spool, settings: settings, logger: logger)
        let (claimed, claims) = AsyncStream<Submission>.makeStream()
        let failure = await withDiscardingTaskGroup(returning: DaybookError?.self) { group in
            async let failure = live(desk, claims)
            // What was claimed is sent to its end, and spooled, whatever becomes of the incarnations.
            for await submission in claimed { group.addTask { await desk.submit(submission) } }
            return await failure
        }
        spool.end()
        if let failure { throw failure }
    }

    /// Lives one incarnation after another; gives what no restart can mend.
    private func live(
        _ desk: SubmissionDesk, _ claims: AsyncStream<Submission>.Continuation
    ) async -> DaybookError? {
        defer { claims.finish() }
        do throws(DaybookError) {
            try await incarnations(desk, claims)
            return nil
        } catch {
            return error
        }
    }

    /// The database once it can be reached; nil where the worker was asked to stop before.
    private func awaitedDatabase() async -> DatabaseIdentity? {
        var starts = WorkerStarts()
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            let begunAt = ContinuousClock.now
            do {
                return try await database()
            } catch is CancellationError {
                return nil
            } catch {
                await rest(after: error, nil, begunAt: begunAt, &starts)
            }
        }
        return nil
    }

    private func database() async throws -> DatabaseIdentity {
        let connection = try await connect()
        do {
            let identity = try await connection.run { try DatabaseIdentity(of: $0) }
            await connection.close()
            return identity
        } catch {
            await connection.close()
            throw error
        }
    }

    /// What was set aside is for a person to look at, and is named until it is gone.
    private func remind(of paths: [String]) {
        guard !paths.isEmpty else { return }
        let shown = paths.prefix(Limits.spoolLinesShown).joined(separator: ", ")
        logger.warning(
            "answers of the provider lie aside; look at them, and move them away once nothing of them is needed",
            metadata: ["spool.files": "\(paths.count)", "spool.first": "\(shown)"])
    }

    private func incarnations(
        _ desk: SubmissionDesk, _ claims: AsyncStream<Submission>.Continuation
    ) async throws(DaybookError) {
        var starts = WorkerStarts()
        while !Task.isCancelled {
            let begunAt = ContinuousClock.now
            let over = starts.over(
                isIdle: await desk.underWay == 0, silence: .milliseconds(settings.silenceMilliseconds), now: begunAt)
            var number: Int64?
            do {
                let incarnation = try await Incarnation(self, desk: desk, claims: claims, inPlaceOf: over)
                starts.forget(over)
                number = incarnation.worker
                try await incarnation.run()
                return
            } catch is CancellationError {
                return
            } catch let error as DaybookError {
                throw error
            } catch {
                guard !Task.isCancelled, !Task.isShuttingDownGracefully else { return }
                await rest(after: error, number, begunAt: begunAt, &starts)
            }
        }
    }

    /// Says why a worker begins afresh, where that is news, and waits before it does.
    private func rest(
        after error: any Error, _ number: Int64?, begunAt: ContinuousClock.Instant, _ starts: inout WorkerStarts
    ) async {
        let now = ContinuousClock.now
        let pause = starts.note(number, begunAt: begunAt, now: now)
        let cause = explain(error)
        if starts.isNews(cause, now: now) {
            logger.error("a worker begins afresh", metadata: ["worker.cause": "\(cause)", "worker.pause": "\(pause)"])
        }
        await Self.rest(pause)
    }

    /// A pause that ends when the worker is asked to stop.
    private static func rest(_ pause: Duration) async {
        let end = ContinuousClock.now + pause
        while ContinuousClock.now < end, !Task.isShuttingDownGracefully, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(100))
        }
    }
}

/// How a worker works.
public struct WorkerSettings: Sendable {
    /// Submissions under way at once, in this worker.
    public var slots: Int
    /// Tasks of one customer that are claimed before it is the next one's turn.
    public var chunk: Int
    /// Questions to the provider under way at once.
    public var polls: Int
    /// Where the provider reports progress: an address of ours, to which customer and nonce are appended.
    public var callbackBase: String?
    /// The folder for answers that the database does not know yet.
    public var spoolFolder: String
    /// Milliseconds between two signs of life.
    public var heartbeatMilliseconds: Int64
    /// Milliseconds of silence after which a worker is declared dead.
    public var silenceMilliseconds: Int64
    /// Milliseconds between two looks for ready work, and between two sweeps.
    public var idleMilliseconds: Int64
    /// Seconds that submissions under way are waited for when the worker is asked to stop.
    public var drainSeconds: Int64

    /// Throws `configuration` where a number makes no sense.
    public init(
        slots: Int = 32, chunk: Int = 8, polls: Int = 128, callbackBase: String? = nil, spoolFolder: String,
        heartbeatMilliseconds: Int64 = 1000, silenceMilliseconds: Int64 = 3500, idleMilliseconds: Int64 = 250,
        drainSeconds: Int64 = 65
    ) throws(DaybookError) {
        guard (1...10_000).contains(slots), (1...10_000).contains(chunk), (1...10_000).contains(polls) else {
            throw .configuration("Slots, chunk and polls of a worker lie between 1 and 10000.")
        }
        guard heartbeatMilliseconds > 0, idleMilliseconds > 0, silenceMilliseconds >= 3 * heartbeatMilliseconds else {
            throw .configuration("A worker is declared dead after at least three heartbeats of silence.")
        }
        self.slots = slots
        self.chunk = chunk
        self.polls = polls
        self.callbackBase = callbackBase
        self.spoolFolder = spoolFolder
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.silenceMilliseconds = silenceMilliseconds
        self.idleMilliseconds = idleMilliseconds
        self.drainSeconds = drainSeconds
    }
}
