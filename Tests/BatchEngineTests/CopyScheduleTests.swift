import Domain
import TestSupport
import Testing

@testable import BatchEngine

/// When videos are copied, and what follows from a try.
@Suite struct CopyScheduleTests {
    private static let start = ContinuousClock.now

    private static func copy(
        _ name: String, provider: String = "p", attempts: Int64 = 0, seconds: Int64 = 6_600
    ) -> VideoCopy {
        VideoCopy(
            task: AcceptedTask(
                userID: "u", batchID: "b", taskID: name, model: .sora2, providerTaskID: provider, ageSeconds: 0,
                secondsLeft: 0),
            url: "http://x/\(name)", attempts: attempts, giveUpAt: start + .seconds(seconds))
    }

    @Test func `as many are under way as may be, and the others follow`() {
        var schedule = CopySchedule(rate: 1)
        let copies = (0..<20).map { Self.copy("\($0)") }
        for copy in copies { schedule.add(copy, now: Self.start) }
        // Twice is once.
        schedule.add(copies[3], now: Self.start)
        let first = schedule.takeDue(now: Self.start)
        #expect(first == Array(copies.prefix(Limits.copiesUnderWay)))
        #expect(schedule.takeDue(now: Self.start).isEmpty && schedule.nextDueAt() == nil)
        #expect(schedule.succeeded(first[0], now: Self.start) == first[0])
        #expect(schedule.takeDue(now: Self.start) == [copies[Limits.copiesUnderWay]])
    }

    @Test func `what does not come is tried until its time is over, and what is no video a few times`() {
        var schedule = CopySchedule(rate: 1)
        var (now, tries) = (Self.start, 0)
        schedule.add(Self.copy("a"), now: now)
        var end: CopySchedule.Decision?
        while end == nil, tries < 1_000 {
            guard let next = schedule.nextDueAt() else { break }
            now = max(now, next)
            guard let copy = schedule.takeDue(now: now).first else { break }
            tries += 1
            let decision = schedule.failed(copy, .line("cut"), now: now)
            if decision != .again(counts: true) { end = decision }
        }
        #expect(end == .giveUp("cut") && now == Self.start + .seconds(6_600) && tries > 20)
        schedule.add(Self.copy("b"), now: Self.start)
        for number in 1...Limits.copyTries {
            guard let next = schedule.nextDueAt(), let copy = schedule.takeDue(now: next).first else {
                Issue.record("nothing is due before try \(number)")
                return
            }
            let isLast = number == Limits.copyTries
            #expect(
                schedule.failed(copy, .missing("404"), now: next) == (isLast ? .giveUp("404") : .again(counts: true)))
        }
        #expect(schedule.nextDueAt() == nil)
        schedule.add(Self.copy("c"), now: Self.start)
        let large = schedule.takeDue(now: Self.start)
        #expect(schedule.failed(large[0], .tooLarge, now: Self.start) == .giveUp("The video has too many bytes."))
    }

    @Test func `a store that takes nothing is left alone, costs no try, and is tried by one`() {
        var schedule = CopySchedule(rate: 1)
        for number in 0..<20 { schedule.add(Self.copy("\(number)", seconds: 60), now: Self.start) }
        let first = schedule.takeDue(now: Self.start)
        for copy in first {
            #expect(schedule.failed(copy, .store("full"), now: Self.start) == .again(counts: false))
        }
        let pause = Duration.seconds(Limits.storePauseSeconds)
        #expect(schedule.isBlocked && schedule.takeDue(now: Self.start + pause / 2).isEmpty)
        let probe = schedule.takeDue(now: Self.start + pause)
        #expect(probe.count == 1 && schedule.takeDue(now: Self.start + pause).isEmpty)
        #expect(probe[0].attempts == 0)
        // It takes something: all others follow.
        _ = schedule.succeeded(probe[0], now: Self.start + pause)
        #expect(!schedule.isBlocked && schedule.takeDue(now: Self.start + pause).count == Limits.copiesUnderWay)
        // What waits for a store until its time is over is given up then, and not before.
        guard let copy = schedule.underWay.first.map({ Self.copy($0, seconds: 60) }) else { return }
        _ = schedule.failed(copy, .store("full"), now: Self.start + .seconds(30))
        #expect(schedule.takeExpired(now: Self.start + .seconds(59)).isEmpty)
        #expect(schedule.takeExpired(now: Self.start + .seconds(60)).count == 20 - 1 - (Limits.copiesUnderWay - 1))
    }

    @Test func `a task that has another id by now is copied anew, and the try under the old one decides nothing`() {
        var schedule = CopySchedule(rate: 1)
        schedule.add(Self.copy("a"), now: Self.start)
        let old = schedule.takeDue(now: Self.start)
        schedule.add(Self.copy("a", provider: "other"), now: Self.start)
        #expect(schedule.takeDue(now: Self.start).isEmpty)
        #expect(schedule.succeeded(old[0], now: Self.start) == nil)
        #expect(schedule.takeDue(now: Self.start).map(\.task.providerTaskID) == ["other"])
    }
}
