import Domain
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
    let onBegin: @Sendable () async -> Void

    /// - Parameter onBegin: Called each time that the worker begins, under a new number.
    public init(
        provider: any Provider, settings: WorkerSettings, logger: Logger,
        onBegin: @escaping @Sendable () async -> Void = {}, connect: @escaping Connect
    ) {
        self.connect = connect
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
                logger.error("a worker begins afresh", metadata: ["worker.cause": "\(error)"])
                try? await Task.sleep(for: Self.pauseAfterFailure)
            }
        }
    }
}
