import Domain
import TestSupport
import Testing

@testable import BatchEngine

/// When workers without work look what there is to do.
@Suite struct LookTests {
    private static let quiet = Outlook(ready: [], readyInMilliseconds: nil, chores: [], live: 100)

    @Test func `of many workers without work a few look at a time, and each does before long`() {
        var random = SeededRandom(seed: 1)
        var workers = Array(repeating: Looks(), count: 100)
        var rests = Array(repeating: 0, count: 100)
        var looks: [Int] = []
        for _ in 0..<200 {
            var count = 0
            for number in workers.indices {
                if workers[number].isDue() {
                    count += 1
                    rests[number] = 0
                    workers[number].saw(Self.quiet, using: &random)
                } else {
                    rests[number] += 1
                }
            }
            looks.append(count)
            #expect(rests.allSatisfy { $0 < 9 })
        }
        let usual = looks.dropFirst(20)
        #expect(usual.allSatisfy { (1...50).contains($0) }, "\(looks)")
        #expect((15...25).contains(usual.reduce(0, +) / usual.count), "\(looks)")
    }

    @Test func `a few workers look every time, and so does whoever sees or hears of something to do`() {
        var random = SeededRandom(seed: 1)
        var looks = Looks()
        for outlook in [
            Outlook(live: 7), Outlook(ready: [.sora2], live: 100), Outlook(readyInMilliseconds: 5, live: 100),
            Outlook(chores: [.flush], live: 100),
        ] {
            for _ in 0..<20 {
                looks.saw(outlook, using: &random)
                let isDue = looks.isDue()
                #expect(isDue, "\(outlook)")
            }
        }
        for _ in 0..<20 {
            looks.saw(Self.quiet, using: &random)
            looks.hear()
            let isDue = looks.isDue()
            #expect(isDue)
        }
    }
}

/// The order in which a worker asks the provider for its tasks.
@Suite struct DueQueueTests {
    private static let start = ContinuousClock.now

    private static func task(_ number: Int) -> AcceptedTask {
        AcceptedTask(
            userID: "customer", batchID: "batch", taskID: "task \(number)", model: .sora2,
            providerTaskID: "provider \(number)", ageSeconds: 0, secondsLeft: 600)
    }

    @Test(arguments: 0..<20) func `turns come in the order of their instants, and those of one as they were given`(
        seed: Int
    ) {
        var random = SeededRandom(seed: UInt64(seed))
        var queue = DueQueue()
        var expected: [(Int, Int)] = []
        for number in 0..<300 {
            if !expected.isEmpty, Int.random(in: 0..<3, using: &random) == 0 {
                expected.sort { $0 < $1 }
                #expect(queue.first?.turn == expected[0].1)
                queue.removeFirst()
                expected.removeFirst()
            } else {
                let seconds = Int.random(in: 0..<40, using: &random)
                queue.push(.init(at: Self.start + .seconds(seconds), turn: number, taskID: "\(number)"))
                expected.append((seconds, number))
            }
        }
        expected.sort { $0 < $1 }
        for (_, number) in expected {
            #expect(queue.first?.turn == number)
            queue.removeFirst()
        }
        #expect(queue.first == nil && queue.count == 0)
    }

    @Test func `a task that is asked for, moved or gone has no other turn`() {
        var random = SeededRandom(seed: 1)
        var schedule = PollSchedule(rate: 1)
        for number in 0..<3 { schedule.add(Self.task(number), now: Self.start, using: &random) }
        // Moved to the front: its first turn is passed over later.
        let isMoved = schedule.hurry(["provider 1"], now: Self.start)
        var due = schedule.takeDue(now: Self.start, limit: 10)
        #expect(isMoved && due.map(\.taskID) == ["task 1"])
        schedule.ended(Self.task(0), keepsWatching: false, now: Self.start)
        let now = Self.start + .seconds(60)
        due = schedule.takeDue(now: now, limit: 10)
        #expect(due.map(\.taskID) == ["task 2"])
        var next = schedule.nextDueAt()
        #expect(next == nil)
        let decision = schedule.decide(Self.task(1), .running(progress: 1), now: now, using: &random)
        next = schedule.nextDueAt()
        due = schedule.takeDue(now: now + .seconds(60), limit: 1)
        #expect(decision == .wait && next != nil && due.map(\.taskID) == ["task 1"])
    }

    @Test func `a task whose end cannot be recorded is asked for again`() {
        var random = SeededRandom(seed: 1)
        var schedule = PollSchedule(rate: 1)
        schedule.add(Self.task(0), now: Self.start, using: &random)
        let later = Self.start + .seconds(10)
        let asked = schedule.takeDue(now: later, limit: 1)
        let rendered = ProviderStatus.succeeded(videoURL: "https://example.com/v", pid: nil)
        let decision = schedule.decide(Self.task(0), rendered, now: later, using: &random)
        #expect(asked.count == 1 && decision == .end(.succeeded("task 0", videoURL: "https://example.com/v")))
        let forgotten = schedule.takeDue(now: later + .seconds(3600), limit: 1)
        schedule.askAgain(Self.task(0), now: later)
        let early = schedule.takeDue(now: later + .seconds(14), limit: 1)
        let again = schedule.takeDue(now: later + .seconds(15), limit: 1)
        #expect(forgotten.isEmpty && early.isEmpty && again.count == 1)
    }
}
