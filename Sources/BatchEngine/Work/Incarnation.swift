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
    /// Customers whose turns are looked at in one transaction.
    private static let turnsAtOnce = 100
    /// Times that a transaction is tried again which lost a deadlock.
    private static let mostTries = 10
    private static let options = TransactionOptions(idleTimeoutMilliseconds: Limits.idleInTransactionMilliseconds)
    /// How long the loop of polls sleeps at least.
    private static let shortestNap = Duration.milliseconds(5)
    /// How long a loop sleeps that is rung when there is something to do.
    private static let longestNap = Duration.seconds(60)
    /// How long the third connection is kept when nobody needs it.
    private static let keepMilliseconds: Int64 = 5000

    private let settings: WorkerSettings
    let provider: any Provider
    let store: WorkerStore?
    let logger: Logger
    private let onBegin: @Sendable () async -> Void
    let desk: SubmissionDesk
    private let claims: AsyncStream<Submission>.Continuation
    /// A connection of its own, so that a sign of life never waits behind anything: it listens, and does not wait for
    /// the disk.
    private let pulse: DirectConnection
    let work: DirectConnection
    /// A third one while there is something to sweep.
    private let sweep: SpareConnection
    let rate: Int64
    let claimBell = Bell()
    private let sweepBell = Bell()
    private let hintBell = Bell()
    let pollBell = Bell()
    /// What the last look saw.
    private var outlook = Outlook()
    private var looks = Looks()
    nonisolated let worker: Int64
    var schedule: PollSchedule
    private var turnWalk = TurnWalk()
    private var random = SystemRandomNumberGenerator()
    let endings = Mailbox<FoundEnding>()
    /// Counted for those who watch; and since when ends that the provider told of wait to be booked, by task.
    var counts = WorkCounts()
    var foundAt: [String: ContinuousClock.Instant] = [:]
    /// Where there is a store: what is copied, what has been, and the bytes that copies under way will have.
    var copySchedule: CopySchedule
    let copyBell = Bell()
    let copied = Mailbox<WorkQueue.EndedCopy>()
    var copyBytes: Int64 = 0
    var keptParts = KeptParts()
    /// When the store last took nothing.
    var storeFailedAt: ContinuousClock.Instant?
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
        store = owner.store
        onBegin = owner.onBegin
        self.desk = desk
        self.claims = claims
        pulse = try await owner.connect()
        work = try await owner.connect()
        sweep = SpareConnection(owner.connect)
        let host = ProcessInfo.processInfo.hostName
        let database = desk.spool.database
        let (number, clockRate) = try await work.transaction { session in
            guard try DatabaseIdentity(of: session) == database else {
                throw DaybookError.configuration(
                    "The connection leads to another database than before; start the worker again if that is right.")
            }
            guard try StoreMark.known(to: session) == owner.store?.videos.storeID else {
                throw WorkerStore.isNotTheDatabases
            }
            let rows = try session.query(
                "SELECT coalesce((SELECT rate FROM daybook.test_clock), 1)::bigint AS rate")
            let queue = WorkQueue(session)
            return (
                try queue.register(host: host, processID: getpid(), inPlaceOf: failed), try rows[0].int("rate")
            )
        }
        worker = number
        rate = max(clockRate, 1)
        schedule = PollSchedule(rate: clockRate)
        copySchedule = CopySchedule(rate: clockRate)
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
                group.addTask { try await self.copyVideos() }
                group.addTask { try await self.recordCopies() }
                group.addTask { try await self.poll() }
                group.addTask { try await self.sweepAll() }
                group.addTask { try await self.replaySpool() }
                group.addTask { try await self.followHints() }
                group.addTask { try await self.writeCountsRegularly() }
                // The one loop that ends by itself: when the worker is to stop and nothing is under way.
                group.addTask { try await self.claimUntilStopped() }
                while try await group.next() != nil, !isDone {}
                group.cancelAll()
            }
        } catch {
            await close()
            throw error
        }
        await writeCounts()
        try? await write(work) { try $0.leave($1) }
        await close()
        logger.info("a worker has stopped")
    }

    private func close() async {
        for connection in [pulse, work] { await connection.close() }
        await sweep.close()
    }

    /// Gives the sign of life, sees by it what there is to do, and hears in between who has made work ready.
    private func beat() async throws {
        let (worker, silence) = (worker, settings.silenceMilliseconds)
        try await pulse.run { session in
            try session.executeAlone("SET synchronous_commit = off")
            try session.executeAlone("LISTEN \(WorkQueue.readyChannel)")
            try session.executeAlone("LISTEN \(WorkQueue.askChannel)")
        }
        while !Task.isCancelled {
            let deadline = ContinuousClock.now + .milliseconds(settings.heartbeatMilliseconds)
            if looks.isDue() {
                outlook = try await pulse.run { try WorkQueue($0).look(worker, silenceMilliseconds: silence) }
                looks.saw(outlook, using: &random)
            } else {
                try await pulse.run { try WorkQueue($0).heartbeat(worker) }
            }
            if !outlook.ready.isEmpty { await claimBell.ring() }
            if outlook.chores.contains(.hints) { await hintBell.ring() }
            if !outlook.chores.subtracting([.hints]).isEmpty { await sweepBell.ring() }
            if let next = outlook.readyInMilliseconds {
                ring(claimBell, after: .milliseconds(next / rate + 1), deadline)
            }
            await sweep.closeIfUnused(for: .milliseconds(Self.keepMilliseconds))
            while !Task.isCancelled, deadline > .now {
                let left = Int((deadline - .now) / .milliseconds(1)) + 1
                let heard = try await pulse.run { try $0.notifications(withinMilliseconds: left) }
                if !heard.isEmpty { looks.hear() }
                if heard.contains(where: { $0.channel == WorkQueue.readyChannel }) { await claimBell.ring() }
                await ask(heard.filter { $0.channel == WorkQueue.askChannel }.map(\.payload))
            }
        }
    }

    /// Asks at once for what callbacks told of: ids of tasks that have ended, or, where there are none, of hints.
    private func ask(_ payloads: [String]) async {
        if payloads.contains("") { await hintBell.ring() }
        let ids = payloads.flatMap { $0.split(separator: "\n").map(String.init) }
        if schedule.hurry(ids, now: .now) { await pollBell.ring() }
    }

    /// Rings after a while that is over before the next look.
    private nonisolated func ring(_ bell: Bell, after pause: Duration, _ deadline: ContinuousClock.Instant) {
        guard ContinuousClock.now + pause < deadline else { return }
        Task {
            try await Task.sleep(for: pause)
            await bell.ring()
        }
    }

    private func claimUntilStopped() async throws {
        try await withGracefulShutdownHandler {
            while !Task.isShuttingDownGracefully {
                if try await claimOnce() > 0 { continue }
                // There is work, but not for us now: the gate is full, or our slots are. Others empty it too.
                let isWaited = !outlook.ready.isEmpty
                await claimBell.wait(
                    atMost: isWaited ? .milliseconds(settings.idleMilliseconds / 4) : Self.longestNap)
                try Task.checkCancellation()
            }
        } onGracefulShutdown: { [claimBell] in
            Task { await claimBell.ring() }
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
            let submissions = try await writeAtOnce { queue, worker in
                try queue.claim(worker, model: model, limit: free, chunk: chunk)
            }
            await desk.begin(submissions.count)
            for submission in submissions { claims.yield(submission) }
            claimed += submissions.count
        }
        return claimed
    }

    private func poll() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                try Task.checkCancellation()
                for task in schedule.takeDue(now: .now, limit: settings.polls - asking) {
                    asking += 1
                    group.addTask { await self.ask(task) }
                }
                // Polls that have an answer make room for others.
                let isFull = asking >= settings.polls
                let pause = isFull ? nil : schedule.nextDueAt().map { $0 - .now }
                await pollBell.wait(atMost: min(max(pause ?? Self.longestNap, Self.shortestNap), Self.longestNap))
            }
        }
    }

    /// Polls tasks from now on.
    func poll(_ tasks: [AcceptedTask]) async {
        guard !tasks.isEmpty else { return }
        for task in tasks { schedule.add(task, now: .now, using: &random) }
        await pollBell.ring()
    }

    private func ask(_ task: AcceptedTask) async {
        let status = await provider.status(of: task.providerTaskID)
        asking -= 1
        counts.add(status, task.model)
        await pollBell.ring()
        switch schedule.decide(task, status, now: .now, using: &random) {
        case .end(let ending): await endings.put(found(ending, of: task))
        case .lateSuccess:
            logger.notice("a task that had been given up was rendered", metadata: ["task.id": "\(task.taskID)"])
            try? await write(work) { queue, _ in try queue.noteLateSuccess(task) }
        case .wait, .forget, nil: break
        }
    }

    /// Sweeps when the look saw something to sweep, and walks through the turns once a minute.
    private func sweepAll() async throws {
        while !Task.isCancelled {
            let (silence, chores) = (settings.silenceMilliseconds, outlook.chores)
            if chores.contains(.bury) {
                let buried = try await write(sweep) { queue, _ in try queue.bury(silenceMilliseconds: silence) }
                if !buried.isEmpty {
                    logger.warning("workers were declared dead", metadata: ["worker.dead": "\(buried)"])
                }
            }
            // What a dead worker left is there only after it was buried.
            if !chores.isDisjoint(with: [.bury, .adopt]) {
                try await takeOver()
            }
            if chores.contains(.overdue) {
                try await repeatedly { queue in try queue.endOverdue(limit: Self.overdueLimit) > 0 }
            }
            if chores.contains(.flush) { try await repeatedly { queue in try queue.flush() } }
            if chores.contains(.expire) { try await repeatedly { queue in try queue.expireCredit() } }
            try await watchGivenUp()
            let isWalking = try await mendTurns()
            await sweepBell.wait(
                atMost: isWalking
                    ? .milliseconds(settings.idleMilliseconds) : min(TurnWalk.pause, schedule.pauseOfLooks))
            try Task.checkCancellation()
        }
    }

    /// Goes on with what nobody has: copies its video where that was found, else asks how it stands.
    private func takeOver() async throws {
        let copies = store != nil
        let (tasks, records) = try await write(sweep) { queue, worker in
            let tasks = try queue.adopt(worker, limit: Self.adoptionLimit)
            return (tasks, copies ? try queue.copies(of: tasks) : [])
        }
        let copying = Set(records.map(\.taskID))
        await poll(tasks.filter { !copying.contains($0.taskID) })
        await copy(records, of: tasks)
    }

    /// Learns of the tasks that were given up, also by workers that are gone: what is rendered late is to be noted.
    private func watchGivenUp() async throws {
        guard schedule.takeLook(now: .now) else { return }
        let tasks = try await write(sweep) { queue, worker in
            try queue.givenUp(worker, withinSeconds: PollSchedule.lateSeconds, limit: PollSchedule.lateLimit)
        }
        schedule.watch(tasks, now: .now, using: &random)
        await pollBell.ring()
    }

    /// Looks at some more of the customers' turns; false at the end. A walk through all of them begins once a minute.
    private func mendTurns() async throws -> Bool {
        guard let place = turnWalk.place(now: .now) else { return false }
        let step = try await write(sweep) { queue, _ in try queue.mendTurns(after: place, limit: Self.turnsAtOnce) }
        turnWalk.went(to: step.last)
        if step.mended > 0 {
            logger.warning("customers were listed wrongly", metadata: ["turns.mended": "\(step.mended)"])
            await claimBell.ring()
        }
        return step.last != nil
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
            try await Task.sleep(for: desk.spool.pauseOfLooks(using: &random))
        }
    }

    /// Asks for what callbacks named.
    private func followHints() async throws {
        let inquiry = HintInquiry(
            provider: provider, logger: logger,
            write: { body in try await self.write(self.sweep) { try body($0, $1) } }, count: { await self.count($0) })
        while !Task.isCancelled {
            if try await !inquiry.run() { await hintBell.wait(atMost: Self.longestNap) }
        }
    }

    /// Runs one transaction of the worker's on the connection for sweeps.
    private func write<Result: Sendable>(
        _ spare: SpareConnection, _ body: @escaping @Sendable (WorkQueue, Int64) throws -> Result
    ) async throws -> Result {
        try await spare.lend { try await write($0, body) }
    }

    /// Runs one transaction of the worker's.
    func write<Result: Sendable>(
        _ connection: DirectConnection, _ body: @escaping @Sendable (WorkQueue, Int64) throws -> Result
    ) async throws -> Result {
        let worker = worker
        return try await repeating {
            try await connection.transaction(Self.options) { try body(WorkQueue($0), worker) }
        }
    }

    /// Runs one statement of the worker's, which is a transaction by itself, in one message.
    func writeAtOnce<Result: Sendable>(
        _ body: @escaping @Sendable (WorkQueue, Int64) throws -> Result
    ) async throws -> Result {
        let (worker, work) = (worker, work)
        return try await repeating { try await work.run { try body(WorkQueue($0), worker) } }
    }

    /// A transaction that lost a deadlock is tried again.
    private func repeating<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        var tries = 0
        while true {
            do {
                return try await body()
            } catch let error as PostgresError where error.isWorthRepeating && tries < Self.mostTries {
                tries += 1
                try await Task.sleep(for: .milliseconds(20 * tries))
            }
        }
    }
}
