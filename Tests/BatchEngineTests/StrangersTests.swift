import BatchEngine
import Domain
import Testing

@Suite struct StrangersTests {
    @Test func `wrong keys make the next ones of the same address wait, ever longer and never long`() {
        var strangers = Strangers()
        var pauses: [Int64] = []
        for number in 0..<30 {
            pauses.append(strangers.pause(before: "wrong \(number)", at: "a", now: 0))
            strangers.showedWrongKey("wrong \(number)", at: "a", now: 0)
        }
        #expect(pauses.prefix(6).allSatisfy { $0 == 0 })
        #expect(pauses[6...11] == [100, 200, 400, 800, 1600, 2000] && pauses.last == 2000)
        #expect(strangers.pause(before: "another", at: "b", now: 0) == 0)
        // Addresses are forgiven with time.
        #expect(strangers.pause(before: "another", at: "a", now: 60_000) > 0)
        #expect(strangers.pause(before: "another", at: "a", now: 240_000) == 0)
    }

    @Test func `a key that was let in does not wait, unless it is wrong by now`() {
        var strangers = Strangers()
        strangers.showedKnownKey("right")
        for number in 0..<30 { strangers.showedWrongKey("wrong \(number)", at: "a", now: 0) }
        #expect(strangers.pause(before: "right", at: "a", now: 0) == 0)
        strangers.showedWrongKey("right", at: "a", now: 0)
        #expect(strangers.pause(before: "right", at: "a", now: 0) == 2000)
    }

    @Test func `an address has so many calls without a key a minute`() {
        var strangers = Strangers(keylessPerMinute: 60)
        let first = (0..<100).map { _ in strangers.countKeylessCall(at: "a", now: 0) }
        #expect(first.filter { $0 == nil }.count == 60 && first.last == .some(1000))
        #expect(strangers.countKeylessCall(at: "b", now: 0) == nil)
        #expect(strangers.countKeylessCall(at: "a", now: 999) == 1)
        #expect(strangers.countKeylessCall(at: "a", now: 1000) == nil)
        #expect(strangers.countKeylessCall(at: "a", now: 1000) == 1000)
        let later = (0..<100).map { _ in strangers.countKeylessCall(at: "a", now: 1_000_000) }
        #expect(later.filter { $0 == nil }.count == 60)
    }

    @Test func `a memory keeps to its capacity, and what is looked at stays`() {
        var memory = Recent<Int, Int>(capacity: 100)
        for number in 0..<10_000 {
            memory.note(number, number)
            #expect(memory.find(0) == 0 && memory.count <= 100)
        }
        #expect(memory.find(9_960) == 9_960 && memory.find(5_000) == nil)
        memory.forget(0)
        #expect(memory.find(0) == nil)
    }
}
