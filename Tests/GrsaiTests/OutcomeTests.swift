import BatchEngine
import Domain
import Foundation
import Grsai
import GrsaiSimulator
import Testing

/// How tasks end, and what polls say on the way.
@Suite struct OutcomeTests {
    /// The status of one Sora task after half of its latency at least, and after a day.
    private static func statuses(_ changes: [Knob: Int64]) async throws -> (early: ProviderStatus, late: ProviderStatus)
    {
        try await RunningSimulator.run(changes) { simulator async throws in
            let answer = await simulator.client.submit(.test(nonce: "n-1"))
            let id = try #require(answer.acceptedID)
            try await simulator.advance(seconds: 2)
            let early = await simulator.client.status(of: id)
            try await simulator.advance(seconds: 86_400)
            return (early, await simulator.client.status(of: id))
        }
    }

    @Test func `each failure carries its reason`() async throws {
        for (knob, reason) in [
            (.inputModeration, "input_moderation"), (.outputModeration, "output_moderation"), (.error, "error"),
            (.violation, "output_moderation"), (.successWithoutURL, "error"),
        ] as [(Knob, String)] {
            let (early, late) = try await Self.statuses([knob: 1000])
            guard case .running = early else { throw TestFailure("\(knob.rawValue): \(early)") }
            #expect(late.failure?.reason.rawValue == reason, "\(knob.rawValue)")
            #expect(late.failure?.message.isEmpty == false)
        }
    }

    @Test func `a stalled task stays at 99 percent`() async throws {
        #expect(try await Self.statuses([.stall: 1000]).late == .running(progress: 99))
    }

    @Test func `an unknown status word runs on, and the task still ends`() async throws {
        let (early, late) = try await Self.statuses([.unknownStatus: 1000])
        guard case .running = early, case .succeeded = late else { throw TestFailure("\(early), \(late)") }
    }

    @Test func `faults of polls are asked about again, a flat one is read`() async throws {
        for knob in [Knob.pollError, .pollDataNull, .pollTooManyRequests] {
            let (early, late) = try await Self.statuses([knob: 1000])
            #expect(early.isUnreadable && late.isUnreadable, "\(knob.rawValue)")
        }
        guard case .succeeded = try await Self.statuses([.pollFlat: 1000]).late else { throw TestFailure("flat") }
    }

    @Test func `a task that was never taken is not found`() async throws {
        try await RunningSimulator.run { simulator async throws in
            #expect(await simulator.client.status(of: "no-such-task") == .notFound)
        }
    }

    @Test func `knobs can be turned while it runs, and mistakes are explained`() async throws {
        try await RunningSimulator.run { simulator async throws in
            let path = simulator.address + "/admin/knobs"
            #expect(try await RunningSimulator.send("POST", path, body: "{\"refuse\":1000}").status == 200)
            #expect(await simulator.client.submit(.test()).refusal?.kind == .task)
            #expect(try await RunningSimulator.send("POST", path, body: "{\"refuse\":0}").status == 200)
            #expect(await simulator.client.submit(.test()).acceptedID != nil)
            for body in ["{\"refusal\":1}", "{\"refuse\":2000}", "{\"refuse\":\"x\"}", "[]"] {
                #expect(try await RunningSimulator.send("POST", path, body: body).status == 400, "\(body)")
            }
            let values: [String: Int64] = try await simulator.get("/admin/knobs")
            #expect(values.count == Knob.allCases.count && values["refuse"] == 0)
        }
    }

    @Test func `without a callback address the answer is a stream to the end`() async throws {
        try await RunningSimulator.run(timeScale: 10_000) { simulator async throws in
            let body = "{\"model\":\"sora-2\",\"prompt\":\"x\"}"
            let (status, bytes) = try await RunningSimulator.send(
                "POST", simulator.address + "/v1/video/sora-video", key: SimulatorSettings.standardKey, body: body)
            let events = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\n\n").dropLast()
            #expect(status == 200 && events.allSatisfy { $0.hasPrefix("data: {") })
            #expect(events.last?.contains("\"status\":\"succeeded\"") == true)
        }
    }
}
