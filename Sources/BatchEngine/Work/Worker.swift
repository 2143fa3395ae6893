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

    private static let pauseAfterFailure = Duration.milliseconds(500)

    let connect: Connect
    let provider: any Provider
    let settings: WorkerSettings
    let logger: Logger
    let explain: @Sendable (any Error) -> String
    let onBegin: @Sendable () async -> Void

    /// - Parameters:
    ///   - explain: An error for the log, with the command that helps.
    ///   - onBegin: Called each time that the worker begins, under a new number.
    public init(
        provider: any Provider, settings: WorkerSettings, logger: Logger,
        explain: @escaping @Sendable (any Error) -> String = { "\($0)" },
        onBegin: @escaping @Sendable () async -> Void = {}, connect: @escaping Connect
    ) {
        self.connect = connect
        self.explain = explain
        self.onBegin = onBegin
        self.provider = provider
        self.settings = settings
        self.logger = logger
    }

    /// Works until it is asked to stop: then it claims nothing more, waits for the submissions under way, and leaves
    /// the rest to others. Throws `output` where the spool cannot be written.
    public func run() async throws {
        let spool = try AnswerSpool(folder: settings.spoolFolder)
        let desk = SubmissionDesk(provider: provider, spool: spool, settings: settings, logger: logger)
        let (claimed, claims) = AsyncStream<Submission>.makeStream()
        await withDiscardingTaskGroup { group in
            group.addTask {
                await incarnations(desk, claims)
                claims.finish()
            }
            for await submission in claimed { group.addTask { await desk.submit(submission) } }
        }
    }

    private func incarnations(_ desk: SubmissionDesk, _ claims: AsyncStream<Submission>.Continuation) async {
        while !Task.isCancelled {
            do {
                let incarnation = try await Incarnation(self, desk: desk, claims: claims)
                try await incarnation.run()
                return
            } catch is CancellationError {
                return
            } catch {
                guard !Task.isCancelled, !Task.isShuttingDownGracefully else { return }
                logger.error("a worker begins afresh", metadata: ["worker.cause": "\(explain(error))"])
                try? await Task.sleep(for: Self.pauseAfterFailure)
            }
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
        slots: Int = 32, chunk: Int = 8, polls: Int = 32, callbackBase: String? = nil, spoolFolder: String,
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
