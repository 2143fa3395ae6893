import Domain
import Testing

@testable import GrsaiSimulator

/// The simulator's chance: pure functions of the seed, the submission and the knob.
@Suite struct FateTests {
    private static func fates(_ knobs: Knobs, count: Int) -> [Fate] {
        (0..<count).map { Fate(Dice(seed: knobs[.seed], subject: "nonce-\($0)"), model: .sora2, knobs: knobs) }
    }

    @Test func `the same seed and nonce have the same fate, another seed has another`() throws {
        let first = try Knobs.faulty.setting([.seed: 11])
        let other = try Knobs.faulty.setting([.seed: 12])
        #expect(Self.fates(first, count: 500) == Self.fates(first, count: 500))
        #expect(Self.fates(first, count: 500) != Self.fates(other, count: 500))
    }

    @Test func `turning one knob leaves every other decision as it was`() throws {
        let calm = Self.fates(.calm, count: 500)
        let stalling = Self.fates(try Knobs.calm.setting([.stall: 300]), count: 500)
        #expect(calm.map(\.latency) == stalling.map(\.latency))
        #expect(calm.map(\.refusal) == stalling.map(\.refusal))
        #expect(stalling.contains { $0.outcome == .stall } && stalling.contains { $0.outcome == nil })
    }

    @Test func `a rate of r per mille strikes about r of a thousand`() throws {
        for knob in Knob.allCases where knob.isRate {
            let knobs = try Knobs.calm.setting([knob: 200])
            let count = (0..<10_000).count { index in
                let dice = Dice(seed: 5, subject: "n\(index)")
                for (name, group) in [
                    ("refusal", Knob.refusals), ("reply", Knob.replies), ("outcome", Knob.outcomes),
                    ("poll", Knob.pollFaults),
                ] where group.contains(knob) {
                    return dice.choose(name, group, knobs) == knob
                }
                return dice.strikes(knob, knobs)
            }
            // Five standard deviations of a binomial around 2,000 are 200.
            #expect((1800...2200).contains(count), "\(knob.rawValue): \(count)")
        }
    }

    @Test func `a rate of 0 never strikes and a rate of 1000 always does`() throws {
        for knob in Knob.refusals {
            #expect(Self.fates(try Knobs.calm.setting([knob: 1000]), count: 200).allSatisfy { $0.refusal == knob })
        }
        #expect(Self.fates(.calm, count: 200).allSatisfy { $0.refusal == nil && $0.reply == nil && $0.outcome == nil })
    }

    @Test func `half of the tasks take at most P50 and 95 percent at most P95`() throws {
        let latency = Latency(p50Seconds: 75, p95Seconds: 120)
        #expect(latency.microseconds(atMillionths: 0) == 37_500_000)
        #expect(latency.microseconds(atMillionths: 500_000) == 75_000_000)
        #expect(latency.microseconds(atMillionths: 950_000) == 120_000_000)
        #expect(latency.microseconds(atMillionths: 1_000_000) == 240_000_000)
        let curve = (0...1000).map { latency.microseconds(atMillionths: $0 * 1000) }
        #expect(zip(curve, curve.dropFirst()).allSatisfy { $0 <= $1 })
        let drawn = Self.fates(.calm, count: 10_000).map(\.latency).sorted()
        #expect((73_000_000...77_000_000).contains(drawn[5000]))
        #expect((117_000_000...123_000_000).contains(drawn[9500]))
    }

    @Test func `knobs refuse what they cannot be`() throws {
        #expect(throws: DaybookError.self) { try Knobs.calm.setting(["no_such_knob": 1]) }
        #expect(throws: DaybookError.self) { try Knobs.calm.setting([.stall: 1001]) }
        #expect(throws: DaybookError.self) { try Knobs.calm.setting([.stall: 600, .error: 600]) }
        #expect(throws: DaybookError.self) { try Knobs.calm.setting([.sora2P95Seconds: 1]) }
        #expect(try Knobs.calm.setting([.stall: 500, .error: 500])[.error] == 500)
        #expect(try Knobs.faulty.setting(Knobs.faulty.named) == Knobs.faulty)
    }

    @Test func `callbacks are planned as their faults say`() throws {
        func plan(
            _ changes: [Knob: Int64], webHook: String? = "http://x/abc", shut: Bool = false
        ) throws -> [PlannedCallback] {
            let knobs = try Knobs.calm.setting(changes)
            let fate = Fate(Dice(seed: 1, subject: "abc"), model: .sora2, knobs: knobs)
            return PlannedCallback.plan(
                SimulatedTask(
                    ordinal: 1, id: "t", model: .sora2, webHook: webHook, nonce: "abc", shutProgress: shut,
                    acceptedAt: 1000, fate: fate))
        }
        func end(_ callback: PlannedCallback?, _ plan: [PlannedCallback]) -> Bool {
            guard let callback, case .report(let instant) = callback.content else { return false }
            return instant == plan.map { if case .report(let each) = $0.content { each } else { 0 } }.max()
        }
        let calm = try plan([:])
        #expect(calm.count == 3 && end(calm.last, calm))
        #expect(try plan([:], webHook: nil).isEmpty)
        #expect(try plan([:], shut: true).count == 1)
        #expect(try plan([.callbackMissing: 1000]).isEmpty)
        #expect(try plan([.callbackDuplicate: 1000]).count == 6)
        let disordered = try plan([.callbackOutOfOrder: 1000])
        #expect(disordered.count == 3 && !end(disordered.last, disordered) && end(disordered[1], disordered))
        let forged = try plan([.callbackForged: 1000])
        #expect(forged.count == 5 && forged.contains { $0.content == .stranger })
        #expect(forged.contains { $0.content == .falseSuccess })
        let stalled = try plan([.stall: 1000])
        #expect(stalled.count == 2)
    }

    @Test func `a nonce is the end of a callback address`() {
        #expect(SubmissionForm.nonce(of: "https://x.example/provider/callbacks/0f3a") == "0f3a")
        #expect(SubmissionForm.nonce(of: "https://x.example/cb?nonce=0f3a") == "0f3a")
        #expect(SubmissionForm.nonce(of: "///") == nil)
    }
}
