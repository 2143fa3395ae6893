import Domain
import Postgres
import TestSupport
import Testing

@testable import BatchEngine

/// Which tasks that were given up a worker keeps asking for, whoever had them before.
@Suite(.timeLimit(.minutes(5))) struct LateSuccessTests {
    private static func task(_ number: Int) -> AcceptedTask {
        AcceptedTask(
            userID: "u", batchID: "b", taskID: "t\(number)", model: .sora2, providerTaskID: "p\(number)", ageSeconds: 0,
            secondsLeft: 0)
    }

    @Test func `a worker asks for what falls to it, once a minute, until it is told or the list says otherwise`() {
        var schedule = PollSchedule(rate: 1)
        var random = SeededRandom(seed: 1)
        let start = ContinuousClock.now
        let looks = [0, 59, 60, 61].map { schedule.takeLook(now: start + .seconds($0)) }
        #expect(looks == [true, false, true, false])
        schedule.watch((0..<3).map(Self.task), now: start, using: &random)
        // Spread over a minute, and every one of them within it.
        let due = schedule.takeDue(now: start + .seconds(60), limit: 10).map(\.taskID)
        #expect(Set(due) == ["t0", "t1", "t2"])
        func answer(_ number: Int, _ status: ProviderStatus) -> PollSchedule.Decision? {
            schedule.decide(Self.task(number), status, now: start + .seconds(60), using: &random)
        }
        let decisions = [
            answer(0, .running(progress: 99)), answer(1, .succeeded(videoURL: "https://v", pid: nil)),
            answer(2, .failed(ProviderStatus.Failure(reason: .error, message: "no"))),
        ]
        #expect(decisions == [.wait, .lateSuccess, .forget])
        // What has failed for good is not asked for again while the list names it; what was noted is off the list.
        schedule.watch([Self.task(0), Self.task(2)], now: start + .seconds(60), using: &random)
        let asked = schedule.takeDue(now: start + .seconds(600), limit: 10).map(\.taskID)
        #expect(asked == ["t0"])
        // What falls to another worker now is left to it.
        schedule.watch([], now: start + .seconds(600), using: &random)
        #expect(schedule.count == 0)
    }

    @Test func `what is polled for its own sake is no list's matter`() {
        var schedule = PollSchedule(rate: 1)
        var random = SeededRandom(seed: 1)
        let start = ContinuousClock.now
        let task = AcceptedTask(
            userID: "u", batchID: "b", taskID: "t0", model: .sora2, providerTaskID: "p0", ageSeconds: 0,
            secondsLeft: 600)
        schedule.add(task, now: start, using: &random)
        schedule.watch([], now: start, using: &random)
        #expect(schedule.count == 1)
    }

    /// A task of sora-2 in a batch that stays open, as it was given up, or not.
    private static func plant(
        _ number: Int, _ state: String, _ outcome: String, provider: Bool, minutes: Int
    ) -> String {
        """
        INSERT INTO daybook.task (user_id, task_id, batch_id, batch_index, model, cost, state, created_at, ready_at,
            expires_at, ended_at)
        SELECT user_id, md5('task \(number)')::uuid, batch_id, 100 + \(number), 'sora-2', 10, '\(state)', now(), now(),
            now(), now() - interval '\(minutes) minutes' FROM daybook.batch;
        INSERT INTO daybook.submission (user_id, nonce, task_id, attempt, worker_id, outcome, intent_at,
            provider_task_id)
        SELECT user_id, substring(sha256('\(number)'::bytea) FROM 1 FOR 16), md5('task \(number)')::uuid, 1, 1,
            '\(outcome)', now(), \(provider ? "'p\(number)'" : "NULL") FROM daybook.batch;
        """
    }

    @Test func `each task that was given up within the hour and has an id falls to one of the workers that live`()
        async throws
    {
        try await withPool { pool, settings in
            let user = try await TestCustomer.create(in: settings, purchased: 100)
            _ = try await pool.run {
                try Batches($0, of: user).create(Sample.request("one", items: 1), by: nil, from: Sample.origin)
            }
            var wanted = (0..<40).map { Self.plant($0, "timed_out", "accepted", provider: true, minutes: $0) }
            wanted.append(Self.plant(40, "failed", "abandoned", provider: true, minutes: 5))
            let others = [
                Self.plant(50, "timed_out", "accepted", provider: true, minutes: 61),
                Self.plant(51, "failed", "accepted", provider: true, minutes: 5),
                Self.plant(52, "failed", "abandoned", provider: false, minutes: 5),
                Self.plant(53, "failed", "refused", provider: false, minutes: 5),
            ]
            try await execute((wanted + others).joined(separator: "\n"), in: settings)
            try await pool.run { session in
                let queue = WorkQueue(session)
                func asked(_ worker: Int64) throws -> [String] {
                    try queue.givenUp(worker, withinSeconds: PollSchedule.lateSeconds, limit: 1000)
                        .map(\.providerTaskID)
                }
                let first = try queue.register(host: "a", processID: 1)
                let all = Set((0...40).map { "p\($0)" })
                #expect(try Set(asked(first)) == all)
                let workers = try [first] + (0..<2).map { try queue.register(host: "b", processID: Int32($0)) }
                let shares = try workers.map(asked)
                #expect(shares.joined().count == all.count && Set(shares.joined()) == all)
                #expect(shares.allSatisfy { !$0.isEmpty }, "a share of \(shares.map(\.count))")
                // One that is gone leaves its share to the others.
                try queue.leave(workers[1])
                let rest = try [workers[0], workers[2]].map(asked)
                #expect(rest.joined().count == all.count && Set(rest.joined()) == all)
                // What was noted is asked for no more.
                try session.execute(
                    "UPDATE daybook.submission SET late_success_at = now() WHERE provider_task_id = 'p7'")
                #expect(try Set([workers[0], workers[2]].flatMap(asked)) == all.subtracting(["p7"]))
            }
        }
    }
}
