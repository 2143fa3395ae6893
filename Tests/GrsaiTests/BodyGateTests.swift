import NIOCore
import Testing

@testable import Grsai

/// The gate that proves whether a body can have left.
@Suite struct BodyGateTests {
    @Test func `of the reader and the one who seals exactly one wins, in 2,000 races`() async throws {
        var opened = 0
        for index in 0..<2000 {
            let gate = BodyGate(body: ByteBuffer(string: "x"))
            let outcome = await withTaskGroup(of: Bool?.self) { group in
                @Sendable func read() async -> Bool? {
                    var iterator = gate.makeAsyncIterator()
                    return (try? await iterator.next()) != nil ? true : nil
                }
                @Sendable func seal() async -> Bool? { gate.seal() ? false : nil }
                // Whoever is asked first is likelier to win: take turns.
                if index % 2 == 0 { group.addTask(operation: read) }
                group.addTask(operation: seal)
                if index % 2 == 1 { group.addTask(operation: read) }
                return await group.reduce(into: [Bool]()) { if let winner = $1 { $0.append(winner) } }
            }
            #expect(outcome.count == 1)
            if outcome == [true] { opened += 1 }
        }
        #expect(opened > 0 && opened < 2000)
        print("The reader won \(opened) of 2000 races.")
    }

    @Test func `a body is given out once`() async throws {
        let gate = BodyGate(body: ByteBuffer(string: "x"))
        var first = gate.makeAsyncIterator()
        #expect(try await first.next() == ByteBuffer(string: "x"))
        #expect(try await first.next() == nil)
        await #expect(throws: BodyGate.Refused.self) {
            var second = gate.makeAsyncIterator()
            _ = try await second.next()
        }
        #expect(!gate.seal())
    }

    @Test func `a sealed body is never given out`() async throws {
        let gate = BodyGate(body: ByteBuffer(string: "x"))
        #expect(gate.seal() && gate.seal())
        await #expect(throws: BodyGate.Refused.self) {
            var iterator = gate.makeAsyncIterator()
            _ = try await iterator.next()
        }
    }
}
