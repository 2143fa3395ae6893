import Domain
import Logging
import Postgres
import TestSupport
import Testing

@testable import BatchEngine

/// Nobody waits for longer than there is a reason: refunds of a batch that runs, and tasks whose end was told.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PromptTests {
    /// A provider that takes everything and has rendered it when it is asked.
    private struct QuickProvider: Provider {
        func submit(_ request: ProviderRequest) async -> SubmissionAnswer {
            .accepted(providerTaskID: "task \(request.prompt)")
        }

        func status(of providerTaskID: String) async -> ProviderStatus {
            .succeeded(videoURL: "https://example.com/v", pid: nil)
        }
    }

    private static func task(_ id: String) -> AcceptedTask {
        AcceptedTask(
            userID: "u", batchID: "b", taskID: id, model: .sora2, providerTaskID: "provider \(id)", ageSeconds: 0,
            secondsLeft: 600)
    }

    @Test func `what fails while its batch runs goes back within a minute`() async throws {
        try await withEngine { settings in
            let customer = try await TestCustomer.create(in: settings, purchased: 30)
            let connection = try await Connection.open(settings)
            try await connection.run { session in
                try session.execute(
                    """
                    INSERT INTO daybook.test_clock (rate, origin, anchor)
                    VALUES (0, clock_timestamp(), clock_timestamp())
                    """)
                _ = try Batches(session, of: customer).create(Sample.request("r"), by: nil, from: Sample.origin)
                let worker = try WorkQueue(session).register(host: "test", processID: 1)
                let taken = try session.transaction {
                    try WorkQueue(session).claim(worker, model: .sora2, limit: 3, chunk: 3)
                }
                func fail(_ submission: Submission) throws {
                    try session.transaction {
                        let queue = WorkQueue(session)
                        try queue.refuse(
                            submission, .init(kind: .task, remark: "no"), behind: try queue.fence(worker))
                    }
                }
                func advance(_ seconds: Int64) throws {
                    try session.execute(
                        "UPDATE daybook.test_clock SET origin = origin + $1 * interval '1 second'", [.int(seconds)])
                }
                func chores() throws -> Set<Outlook.Chore> {
                    try WorkQueue(session).look(worker, silenceMilliseconds: 3_600_000).chores
                }
                func flush() throws -> Bool { try session.transaction { try WorkQueue(session).flush() } }
                func wallet() throws -> Int64 {
                    try session.query("SELECT permanent_credits::bigint AS credits FROM public.credit_wallet")[0]
                        .int("credits")
                }
                try fail(taken[0])
                try advance(20)
                try fail(taken[1])
                #expect(try wallet() == 0)
                #expect(try chores().isEmpty)
                #expect(try flush() == false)
                try advance(11)
                #expect(try chores() == [.flush])
                #expect(try flush())
                // What failed together goes back together, and after that nothing is due.
                #expect(try wallet() == 20)
                #expect(try chores().isEmpty)
                #expect(try flush() == false)
                let tranches = try session.query("SELECT tranches::bigint AS n, refunded FROM daybook.batch")[0]
                #expect(try tranches.int("n") == 1)
                #expect(try tranches.int("refunded") == 20)
            }
            await connection.close()
        }
    }

    @Test func `a task whose end was told is asked for at once, and once more where it is being asked for`() {
        var schedule = PollSchedule(rate: 1)
        var random = SystemRandomNumberGenerator()
        let start = ContinuousClock.now
        let (one, other) = (Self.task("one"), Self.task("other"))
        for task in [one, other] { schedule.add(task, now: start, using: &random) }
        var steps: [String] = []
        func due() { steps.append(schedule.takeDue(now: start, limit: 10).map(\.taskID).joined(separator: " ")) }
        func hurry(_ id: String) { steps.append(schedule.hurry([id], now: start) ? "hurried" : "unknown") }
        func answer() {
            let decision = schedule.decide(one, .running(progress: 99), now: start, using: &random)
            steps.append(decision == .wait ? "wait" : "\(String(describing: decision))")
        }
        due()
        hurry("provider unknown")
        hurry("provider one")
        due()
        // It is told again while the provider, which did not know yet, is asked.
        hurry("provider one")
        due()
        answer()
        due()
        answer()
        due()
        #expect(steps == ["", "unknown", "hurried", "one", "hurried", "", "wait", "one", "wait", ""])
    }

    @Test func `a callback that tells of an end is heard by the worker that polls the task`() async throws {
        try await withEngine { settings in
            let customer = try await TestCustomer.create(in: settings, purchased: 1000)
            let folder = try ScratchFolder()
            let worker = Worker(
                provider: QuickProvider(),
                settings: try WorkerSettings(
                    spoolFolder: folder.path, heartbeatMilliseconds: 20_000, silenceMilliseconds: 60_000),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ) {
                try await Connection.open(settings).direct(for: "A worker")
            }
            let connection = try await Connection.open(settings)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await worker.run() }
                let seconds = try await connection.run { session in
                    _ = try Batches(session, of: customer).create(
                        Sample.request("r", items: 4), by: nil, from: Sample.origin)
                    return try Self.secondsToTheEnd(session)
                }
                // Without it the first poll would come after four seconds at least.
                #expect(seconds < 4, "\(seconds)")
                group.cancelAll()
            }
            await connection.close()
        }
    }

    /// Tells of the end of each task once it is accepted; gives the seconds from the first acceptance to settlement.
    private static func secondsToTheEnd(_ session: Session) throws -> Int64 {
        for _ in 0..<200 {
            let accepted = try session.query(
                """
                SELECT s.user_id, s.nonce, s.provider_task_id, pg_sleep(0.05)::text FROM daybook.submission AS s
                JOIN daybook.task AS t ON t.user_id = s.user_id AND t.task_id = s.task_id WHERE t.state = 'accepted'
                """)
            let callbacks = try accepted.map { row in
                WorkQueue.Callback(
                    userID: try row.uuid("user_id"), nonce: try row.optionalBytes("nonce") ?? [],
                    providerTaskID: try row.text("provider_task_id"), claimsEnd: true)
            }
            let news = try WorkQueue(session).hear(Set(callbacks))
            guard news.isEmpty else { throw TestSupportError("\(news)") }
            let ended = try session.query(
                """
                SELECT ceil(extract(epoch FROM b.settled_at - (SELECT min(t.accepted_at) FROM daybook.task AS t)))::bigint
                    AS seconds
                FROM daybook.batch AS b WHERE b.settled_at IS NOT NULL
                """)
            if let row = ended.first { return try row.int("seconds") }
        }
        throw TestSupportError("The batch was not settled.")
    }
}
