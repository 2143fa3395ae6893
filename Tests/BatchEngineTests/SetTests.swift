import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import BatchEngine

/// Answers and endings that are recorded in sets leave what they leave one by one.
@Suite struct SetTests {
    /// `DAYBOOK_SET_SEEDS=1-1000` runs others.
    private static let seeds = SeedRange("DAYBOOK_SET_SEEDS", standard: 1...12).seeds

    private struct Undone: Error {}

    /// Everything that a worker writes, but for the numbers that a sequence gives.
    private static let tables = [
        "daybook.task", "daybook.submission", "daybook.provider_hint", "daybook.task_fact", "daybook.batch",
        "daybook.model_gate", "daybook.lot", "daybook.draw", "daybook.entry", "public.video_tasks", "public.batch_jobs",
        "public.credit_wallet", "public.credit_ledger", "public.video_external_access_log",
    ]

    private static func everything(_ session: Session) throws -> [String] {
        try tables.map { table in
            try session.query(
                """
                SELECT '\(table)' || coalesce(string_agg(E'\\n' || row, '' ORDER BY row), '') AS text FROM (
                    SELECT (to_jsonb(t) - '{id, entry_id, entry_no, recorded_at, ledger_id}'::text[])::text AS row
                    FROM \(table) AS t
                ) AS r
                """)[0].text("text")
        }
    }

    /// What a body leaves, which is undone.
    private static func left(_ session: Session, by body: () throws -> Void) throws -> [String] {
        var left: [String] = []
        do {
            try session.savepoint {
                try body()
                left = try everything(session)
                throw Undone()
            }
        } catch is Undone {}
        return left
    }

    /// Three customers with two batches each, all of it handed over by one worker, and what became of some of it.
    private struct Bench {
        let session: Session
        let worker: Int64
        var submissions: [Submission]
        var random: SeededRandom

        init(_ session: Session, _ customers: [String], seed: Int) throws {
            self.session = session
            random = SeededRandom(seed: UInt64(seed))
            worker = try WorkQueue(session).register(host: "test", processID: 1)
            for customer in customers {
                for name in ["first", "second"] {
                    _ = try Batches(session, of: customer).create(
                        Sample.request(name, items: 4), by: nil, from: Sample.origin)
                }
            }
            submissions = try WorkQueue(session).claim(worker, model: .sora2, limit: 100, chunk: 8)
        }

        /// Some submissions are answered, lost, heard of, refused or given up before.
        mutating func prepare() throws {
            let queue = WorkQueue(session)
            for (number, submission) in submissions.enumerated() {
                switch Int.random(in: 0..<9, using: &random) {
                case 0: _ = try queue.record([(submission, .accepted(providerTaskID: "early \(number)"))], by: worker)
                case 1: _ = try queue.record([(submission, .unknown(remark: "lost"))], by: worker)
                case 2:
                    _ = try queue.hear([
                        .init(userID: submission.userID, nonce: submission.nonce, providerTaskID: "named \(number)")
                    ])
                    for hint in try queue.takeHints(worker, limit: 10) {
                        _ = try queue.judge(hint, .running(progress: 1), by: worker)
                    }
                case 3:
                    _ = try queue.record([(submission, .unknown(remark: "lost"))], by: worker)
                    _ = try queue.end(
                        [.lost(submission.taskID)], of: submission.batchID, customer: submission.userID,
                        from: [.unknown], behind: try queue.fence(worker))
                default: break
                }
            }
        }

        /// Answers to some of the submissions: with ids of their own, ids that others have, and one id twice.
        mutating func answers() -> [(submission: Submission, answer: SubmissionAnswer)] {
            submissions.sorted { ($0.userID, $0.taskID) < ($1.userID, $1.taskID) }.enumerated()
                .compactMap { number, submission in
                    switch Int.random(in: 0..<8, using: &random) {
                    case 0: nil
                    case 1: (submission, .accepted(providerTaskID: "early \(Int.random(in: 0..<24, using: &random))"))
                    case 2: (submission, .accepted(providerTaskID: "named \(Int.random(in: 0..<24, using: &random))"))
                    case 3: (submission, .accepted(providerTaskID: "twice"))
                    default: (submission, .accepted(providerTaskID: "own \(number)"))
                    }
                }
        }
    }

    private static func withBench(
        seed: Int, _ body: @Sendable @escaping (inout Bench) throws -> Void
    ) async throws {
        try await withEngine { settings in
            var customers: [String] = []
            for _ in 0..<3 { customers.append(try await TestCustomer.create(in: settings, purchased: 200)) }
            let connection = try await Connection.open(settings)
            try await connection.run { [customers] session in
                // A clock that stands still: instants are the same whenever something happens.
                try session.execute(
                    """
                    INSERT INTO daybook.test_clock (rate, origin, anchor)
                    VALUES (0, clock_timestamp(), clock_timestamp())
                    """)
                var bench = try Bench(session, customers, seed: seed)
                try session.transaction { try body(&bench) }
            }
            await connection.close()
        }
    }

    @Test(arguments: seeds) func `answers that are recorded together leave what they leave one by one`(
        seed: Int
    ) async throws {
        try await Self.withBench(seed: seed) { bench throws in
            try bench.prepare()
            let answers = bench.answers()
            let (session, worker) = (bench.session, bench.worker)
            let queue = WorkQueue(session)
            var together: Set<AcceptedTask> = []
            var singly: Set<AcceptedTask> = []
            let set = try Self.left(session) {
                together = Set(try queue.record(answers.shuffled(using: &bench.random), by: worker).accepted)
            }
            let single = try Self.left(session) {
                for answer in answers { singly.formUnion(try queue.record([answer], by: worker).accepted) }
            }
            #expect(together == singly && !together.isEmpty)
            for (ours, theirs) in zip(set, single) { #expect(ours == theirs) }
        }
    }

    @Test(arguments: seeds) func `endings that are recorded together leave what they leave one by one`(
        seed: Int
    ) async throws {
        try await Self.withBench(seed: seed) { bench throws in
            let (session, worker) = (bench.session, bench.worker)
            let queue = WorkQueue(session)
            let accepted = try queue.record(
                bench.submissions.map { ($0, .accepted(providerTaskID: "task \($0.taskID)")) }, by: worker
            ).accepted
            #expect(accepted.count == 24)
            // Most end, so that some batches do; some have ended before, or have another id by now.
            var found: [FoundEnding] = []
            for task in accepted {
                let failure = ProviderStatus.Failure(reason: .outputModeration, message: "no")
                let ending =
                    switch Int.random(in: 0..<5, using: &bench.random) {
                    case 0: TaskEnding.failed(task.taskID, failure)
                    case 1: TaskEnding.timedOut(task.taskID)
                    default: TaskEnding.succeeded(task.taskID, videoURL: "https://example.com/\(task.taskID)")
                    }
                switch Int.random(in: 0..<20, using: &bench.random) {
                case 0: continue
                case 1:
                    let other = AcceptedTask(
                        userID: task.userID, batchID: task.batchID, taskID: task.taskID, model: task.model,
                        providerTaskID: "another", ageSeconds: 0, secondsLeft: 0)
                    found.append(FoundEnding(other, ending))
                case 2:
                    _ = try queue.end([FoundEnding(task, .lost(task.taskID))], by: worker)
                    found.append(FoundEnding(task, ending))
                case 3: found += [FoundEnding(task, ending), FoundEnding(task, ending)]
                default: found.append(FoundEnding(task, ending))
                }
            }
            var together: Set<String> = []
            var singly: Set<String> = []
            let set = try Self.left(session) {
                together = try queue.end(found.shuffled(using: &bench.random), by: worker)
            }
            let single = try Self.left(session) {
                let batches = Dictionary(grouping: found, by: \.task.batchID).values
                    .sorted { ($0[0].task.userID, $0[0].task.batchID) < ($1[0].task.userID, $1[0].task.batchID) }
                for ending in batches.joined() { singly.formUnion(try queue.end([ending], by: worker)) }
            }
            #expect(together == singly && together.count > 12)
            for (ours, theirs) in zip(set, single) { #expect(ours == theirs) }
        }
    }

    @Test func `a worker that was declared dead records nothing`() async throws {
        try await Self.withBench(seed: 1) { bench throws in
            let queue = WorkQueue(bench.session)
            let accepted = try queue.record(
                [(bench.submissions[0], .accepted(providerTaskID: "one"))], by: bench.worker
            ).accepted
            let (worker, second) = (bench.worker, bench.submissions[1])
            try queue.leave(worker)
            for attempt in [
                { _ = try queue.record([(second, .accepted(providerTaskID: "two"))], by: worker) },
                { _ = try queue.end([FoundEnding(accepted[0], .lost(accepted[0].taskID))], by: worker) },
            ] {
                #expect(throws: EngineFault.fenced) { try bench.session.savepoint { try attempt() } }
            }
        }
    }

    @Test func `endings of one batch wait for nobody who ends those of another`() async throws {
        try await withEngine { settings in
            let customer = try await TestCustomer.create(in: settings, purchased: 200)
            let (one, other) = (try await Connection.open(settings), try await Connection.open(settings))
            let (worker, tasks) = try await one.run { session in
                let queue = WorkQueue(session)
                let worker = try queue.register(host: "test", processID: 1)
                for name in ["first", "second"] {
                    _ = try Batches(session, of: customer).create(
                        Sample.request(name, items: 2), by: nil, from: Sample.origin)
                }
                let claimed = try queue.claim(worker, model: .sora2, limit: 4, chunk: 4)
                let answers = claimed.map {
                    (submission: $0, answer: SubmissionAnswer.accepted(providerTaskID: $0.taskID))
                }
                return (worker, try queue.record(answers, by: worker).accepted)
            }
            let batches = Dictionary(grouping: tasks, by: \.batchID).values.map(\.self)
            try await one.run { session in
                try session.executeAlone("BEGIN")
                _ = try WorkQueue(session).end([FoundEnding(batches[0][0], .lost(batches[0][0].taskID))], by: worker)
            }
            // It gives up after two seconds where it has to wait.
            let ended = try await other.run { session in
                try WorkQueue(session).end([FoundEnding(batches[1][0], .lost(batches[1][0].taskID))], by: worker)
            }
            #expect(ended.count == 1)
            let held = [FoundEnding(batches[0][1], .lost(batches[0][1].taskID))]
            await #expect { try await other.run { try WorkQueue($0).end(held, by: worker) } } throws: { error in
                (error as? PostgresError)?.code == .lockNotAvailable
            }
            try await one.run { try $0.executeAlone("COMMIT") }
            #expect(try await other.run { try WorkQueue($0).end(held, by: worker) }.count == 1)
            await one.close()
            await other.close()
        }
    }
}
