import Domain
import Foundation
import Logging
import Postgres
import ServiceLifecycle

/// One life of a worker under one number: its connections, its loops, its schedule of polls.
///
/// It ends when the worker is asked to stop, or throws when it was declared dead or the database failed it.
actor Incarnation {
    /// Tasks taken over from the dead in one transaction.
    private static let adoptionLimit = 500
    /// Overdue tasks ended in one transaction.
    private static let overdueLimit = 500
    /// Sweeps in a row that one kind of sweep may go on, before the others have their turn.
    private static let sweepsInARow = 200
    /// Tasks that were given up and that one worker keeps asking for: 33 a second, at one question a minute each.
    private static let lateLimit = 2_000
    /// Customers whose turns are looked at in one transaction.
    private static let turnsAtOnce = 100
    /// Times that a transaction is tried again which lost a deadlock.
    private static let mostTries = 10
    private static let options = TransactionOptions(idleTimeoutMilliseconds: Limits.idleInTransactionMilliseconds)
    /// How long the loop of polls sleeps, at least and at most.
    private static let shortestNap = Duration.milliseconds(5)
    private static let longestNap = Duration.milliseconds(50)

    private let settings: WorkerSettings
    private let provider: any Provider
    private let logger: Logger
    private let onBegin: @Sendable () async -> Void
    private let desk: SubmissionDesk
    private let claims: AsyncStream<Submission>.Continuation
    /// Connections of their own, so that a sign of life never waits behind a sweep.
    private let pulse: DirectConnection
    private let work: DirectConnection
    private let sweep: DirectConnection
    nonisolated let worker: Int64
    private var schedule: PollSchedule
    private var turnWalk = TurnWalk()
    private var random = SystemRandomNumberGenerator()
    private let endings = Mailbox<(AcceptedTask, TaskEnding)>()
    /// Polls under way.
    private var asking = 0
    /// True once the worker was asked to stop and nothing is under way.
    private var isDone = false

    /// Takes the place of incarnations of this process that failed as soon as they had begun. Throws `configuration`
    /// where the database is another one than the spool's.
    init(
        _ owner: Worker, desk: SubmissionDesk, claims: AsyncStream<Submission>.Continuation, inPlaceOf failed: [Int64]
    ) async throws {
        settings = owner.settings
        provider = owner.provider
        onBegin = owner.onBegin
        self.desk = desk
        self.claims = claims
        pulse = try await owner.connect()
        work = try await owner.connect()
        sweep = try await owner.connect()
        let host = ProcessInfo.processInfo.hostName
        let database = desk.spool.database
        let (number, rate) = try await work.transaction { session in
            guard try DatabaseIdentity(of: session) == database else {
                throw DaybookError.configuration(
                    "The connection leads to another database than before; start the worker again if that is right.")
            }
            let rows = try session.query(
                "SELECT coalesce((SELECT rate FROM daybook.test_clock), 1)::bigint AS rate")
            let queue = WorkQueue(session)
            return (
                try queue.register(host: host, processID: getpid(), inPlaceOf: failed), try rows[0].int("rate")
            )
        }
        worker = number
        schedule = PollSchedule(rate: rate)
        var named = owner.logger
        named[metadataKey: "worker.id"] = "\(number)"
        logger = named
    }

    /// Runs every loop until the worker is asked to stop, then leaves in order.
    func run() async throws {
        logger.info("a worker begins")
        await onBegin()
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.beat() }
                group.addTask { try await self.record() }
                group.addTask { try await self.recordEndings() }
                group.addTask { try await self.poll() }
                group.addTask { try await self.sweepAll() }
                group.addTask { try await self.replaySpool() }
                // The one loop that ends by itself: when the worker is to stop and nothing is under way.
                group.addTask { try await self.claimUntilStopped() }
                while try await group.next() != nil, !isDone {}
                group.cancelAll()
            }
        } catch {
            await close()
            throw error
        }
        try? await write(work) { try $0.leave($1) }
        await close()
        logger.info("a worker has stopped")
    }

    private func close() async {
        for connection in [pulse, work, sweep] { await connection.close() }
    }

    // MARK: - Loops

    private func beat() async throws {
        while !Task.isCancelled {
            try await write(pulse) { try $0.heartbeat($1) }
            try await Task.sleep(for: .milliseconds(settings.heartbeatMilliseconds))
        }
    }

    private func claimUntilStopped() async throws {
        while !Task.isShuttingDownGracefully {
            if try await claimOnce() == 0 { try await Task.sleep(for: .milliseconds(settings.idleMilliseconds / 4)) }
        }
        logger.info("a worker is asked to stop")
        let deadline = ContinuousClock.now + .seconds(settings.drainSeconds)
        while await desk.underWay > 0, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(20)) }
        isDone = true
    }

    private func claimOnce() async throws -> Int {
        var claimed = 0
        for model in VideoModel.allCases {
            let free = await desk.freeSlots
            guard free > 0 else { break }
            let chunk = settings.chunk
            let submissions = try await write(work) { queue, worker in
                try queue.claim(worker, model: model, limit: free, chunk: chunk)
            }
            await desk.begin(submissions.count)
            for submission in submissions { claims.yield(submission) }
            claimed += submissions.count
        }
        return claimed
    }

    private func record() async throws {
        while !Task.isCancelled {
            let answers = await desk.answers.takeAll()
            guard !answers.isEmpty else { continue }
            do {
                try await record(answers)
            } catch {
                await desk.answers.putBack(answers)
                throw error
            }
            await desk.recorded(answers)
        }
    }

    /// Recording an answer again changes nothing, so that a failure half-way is no harm.
    private func record(_ answers: [SubmissionDesk.Answered]) async throws {
        let recorded = try await write(work) { queue, worker in
            try queue.record(answers.map { ($0.submission, $0.answer) }, by: worker)
        }
        for model in recorded.closedGates {
            logger.warning(
                "the provider takes nothing, and a gate is closed", metadata: ["gate.model": "\(model.rawValue)"])
        }
        for task in recorded.accepted { schedule.add(task, now: .now, using: &random) }
        for answered in answers {
            guard case .refused(let refusal) = answered.answer else { continue }
            let submission = answered.submission
            try await write(work) { queue, worker in
                try queue.refuse(submission, refusal, behind: try queue.fence(worker))
            }
        }
    }

    private func poll() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                try Task.checkCancellation()
                for task in schedule.takeDue(now: .now, limit: settings.polls - asking) {
                    asking += 1
                    group.addTask { await self.ask(task) }
                }
                let pause = schedule.nextDueAt.map { $0 - .now } ?? Self.longestNap
                try await Task.sleep(for: min(max(pause, Self.shortestNap), Self.longestNap))
            }
        }
    }

    private func ask(_ task: AcceptedTask) async {
        let status = await provider.status(of: task.providerTaskID)
        asking -= 1
        switch schedule.decide(task.taskID, status, now: .now, using: &random) {
        case .end(let ending): await endings.put((task, ending))
        case .lateSuccess:
            logger.notice("a task that had been given up was rendered", metadata: ["task.id": "\(task.taskID)"])
            try? await write(work) { queue, _ in try queue.noteLateSuccess(task) }
        case .wait, .forget, nil: break
        }
    }

    private func recordEndings() async throws {
        while !Task.isCancelled {
            let ended = await endings.takeAll()
            for (batchID, group) in Dictionary(grouping: ended, by: \.0.batchID).sorted(by: { $0.key < $1.key }) {
                let customer = group[0].0.userID
                let list = group.map(\.1)
                _ = try await write(work) { queue, worker in
                    let fence = try queue.fence(worker)
                    return try queue.end(list, of: batchID, customer: customer, from: [.accepted], behind: fence)
                }
                for ending in list {
                    schedule.ended(ending.taskID, keepsWatching: ending.state == .timedOut, now: .now)
                }
            }
        }
    }

    private func sweepAll() async throws {
        while !Task.isCancelled {
            let silence = settings.silenceMilliseconds
            let buried = try await write(sweep) { queue, _ in try queue.bury(silenceMilliseconds: silence) }
            if !buried.isEmpty {
                logger.warning("workers were declared dead", metadata: ["worker.dead": "\(buried)"])
            }
            let adopted = try await write(sweep) { try $0.adopt($1, limit: Self.adoptionLimit) }
            for task in adopted { schedule.add(task, now: .now, using: &random) }
            try await repeatedly { queue in try queue.endOverdue(limit: Self.overdueLimit) > 0 }
            try await repeatedly { queue in try queue.flush() }
            try await repeatedly { queue in try queue.expireCredit() }
            try await mendTurns()
            try await watchGivenUp()
            try await Task.sleep(for: .milliseconds(settings.idleMilliseconds))
        }
    }

    /// Learns of the tasks that were given up, also by workers that are gone: what is rendered late is to be noted.
    private func watchGivenUp() async throws {
        guard schedule.takeLook(now: .now) else { return }
        let tasks = try await write(sweep) { queue, worker in
            try queue.givenUp(worker, withinSeconds: PollSchedule.lateSeconds, limit: Self.lateLimit)
        }
        schedule.watch(tasks, now: .now, using: &random)
    }

    /// Looks at some more of the customers' turns. A walk through all of them begins once a minute.
    private func mendTurns() async throws {
        guard let place = turnWalk.place(now: .now) else { return }
        let step = try await write(sweep) { queue, _ in try queue.mendTurns(after: place, limit: Self.turnsAtOnce) }
        turnWalk.went(to: step.last)
        guard step.mended > 0 else { return }
        logger.warning("customers were listed wrongly", metadata: ["turns.mended": "\(step.mended)"])
    }

    private func repeatedly(_ body: @escaping @Sendable (WorkQueue) throws -> Bool) async throws {
        do {
            for _ in 0..<Self.sweepsInARow {
                guard try await write(sweep, { queue, _ in try body(queue) }) else { return }
            }
        } catch let error as PostgresError where error.code == .server {
            // One row that cannot be dealt with must not stop all other work.
            logger.error("a sweep failed", metadata: ["sweep.cause": "\(String(reflecting: error))"])
        }
    }

    /// Records what workers of this machine, which are gone, were told and had not recorded. A loop of its own: signs
    /// of life and sweeps do not wait for a long spool.
    private func replaySpool() async throws {
        let replay = SpoolReplay(spool: desk.spool, logger: logger) { body in
            try await self.write(self.sweep) { queue, _ in try body(queue) }
        }
        while !Task.isCancelled {
            try await replay.run()
            try await Task.sleep(for: .milliseconds(settings.idleMilliseconds))
        }
    }

    // MARK: - Writing

    /// Runs one transaction of the worker's; one that lost a deadlock is tried again.
    private func write<Result: Sendable>(
        _ connection: DirectConnection, _ body: @escaping @Sendable (WorkQueue, Int64) throws -> Result
    ) async throws -> Result {
        let worker = worker
        var tries = 0
        while true {
            do {
                return try await connection.transaction(Self.options) { try body(WorkQueue($0), worker) }
            } catch let error as PostgresError where error.isWorthRepeating && tries < Self.mostTries {
                tries += 1
                try await Task.sleep(for: .milliseconds(20 * tries))
            }
        }
    }
}

extension PostgresError {
    /// True where the same transaction may well succeed when it is run again.
    var isWorthRepeating: Bool { sqlState == .deadlock || sqlState == .serializationFailure }
}

/// How far a walk through the customers' turns has come.
private struct TurnWalk {
    /// From the beginning of one walk to that of the next one, at least.
    private static let pause = Duration.seconds(60)

    private var last: TurnPlace?
    private var beganAt: ContinuousClock.Instant?

    /// Where to go on; nil until it is time for the next walk.
    mutating func place(now: ContinuousClock.Instant) -> TurnPlace? {
        if let last { return last }
        if let beganAt, now - beganAt < Self.pause { return nil }
        beganAt = now
        return .start
    }

    /// - Parameter place: Nil at the end of the list.
    mutating func went(to place: TurnPlace?) { last = place }
}
