import Testing

@testable import Postgres

@Suite struct PoolQueueTests {
    private typealias Queue = PoolQueue<String>

    private func word(_ answer: Queue.Answer) -> String {
        switch answer {
        case .take(let name): "take \(name)"
        case .open: "open"
        case .wait: "wait"
        case .refuse: "refuse"
        case .closed: "closed"
        }
    }

    private func word(_ step: Queue.Step) -> String {
        switch step {
        case .hand(let name, let number): "hand \(name) to \(number)"
        case .open(let number): "open for \(number)"
        case .close(let name): "close \(name)"
        case .nothing: "nothing"
        }
    }

    @Test func `connections are opened up to the maximum and then waited for in order`() {
        var queue = Queue(maxConnections: 2, maxWaiting: 2)
        let answers = (1...5).map { word(queue.ask($0)) }
        #expect(answers == ["open", "open", "wait", "wait", "refuse"])
        let steps = ["a", "b", "b", "a"].map { word(queue.giveBack($0)) }
        #expect(steps == ["hand a to 3", "hand b to 4", "nothing", "nothing"])
        let next = word(queue.ask(6))
        #expect(next == "take a", "the latest used comes first")
        #expect(queue.lentCount == 1)
    }

    @Test func `the place of a lost connection goes to whoever waits`() {
        var queue = Queue(maxConnections: 1, maxWaiting: 5)
        let answers = (1...2).map { word(queue.ask($0)) }
        #expect(answers == ["open", "wait"])
        let steps = [nil, nil].map { word(queue.giveBack($0)) }
        #expect(steps == ["open for 2", "nothing"])
        let next = word(queue.ask(3))
        #expect(next == "open")
    }

    @Test func `who leaves the line is not served, and is told if it is too late to leave`() {
        var queue = Queue(maxConnections: 1, maxWaiting: 5)
        let answers = (1...3).map { word(queue.ask($0)) }
        #expect(answers == ["open", "wait", "wait"])
        let isGone = queue.leave(2)
        #expect(isGone)
        let step = word(queue.giveBack("a"))
        #expect(step == "hand a to 3")
        let isTooLate = !queue.leave(3)
        #expect(isTooLate)
    }

    @Test func `a closed pool closes what comes back`() {
        var queue = Queue(maxConnections: 2, maxWaiting: 5)
        let answers = (1...3).map { word(queue.ask($0)) }
        #expect(answers == ["open", "open", "wait"])
        let closed = queue.close()
        #expect(closed.waiting == [3])
        let next = word(queue.ask(4))
        #expect(next == "closed")
        let steps = ["a", nil].map { word(queue.giveBack($0)) }
        #expect(steps == ["close a", "nothing"])
        #expect(queue.lentCount == 0)
    }
}
