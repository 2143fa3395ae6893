import BatchEngine
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// The gate of a model while the provider takes nothing, and when it does again.
@Suite struct GateTests {
    private static let busy = SubmissionAnswer.refused(.init(kind: .temporary, remark: "busy"))
    private static let lost = SubmissionAnswer.unknown(remark: "HTTP 502")

    /// A customer with 200 tasks, a worker, and a clock that stands still.
    private final class Bench {
        let session: Session
        let worker: Int64
        private var taken = 0

        init(_ session: Session) throws {
            self.session = session
            worker = try WorkQueue(session).register(host: "test", processID: 1)
        }

        static func run(_ body: @Sendable (Bench) throws -> Void) async throws {
            try await withEngine { settings in
                let userID = try await TestCustomer.create(in: settings, purchased: 2000)
                let connection = try await Connection.open(settings)
                do {
                    try await connection.run { session in
                        try session.execute(
                            """
                            INSERT INTO daybook.test_clock (rate, origin, anchor)
                            VALUES (0, clock_timestamp(), clock_timestamp())
                            """)
                        let request = Sample.request("r", items: 200)
                        _ = try Batches(session, of: userID).create(request, by: nil, from: Sample.origin)
                        try body(Bench(session))
                    }
                } catch {
                    await connection.close()
                    throw error
                }
                await connection.close()
            }
        }

        func advance(_ seconds: Int64) throws {
            try session.execute(
                "UPDATE daybook.test_clock SET origin = origin + $1 * interval '1 second'", [.int(seconds)])
        }

        func claim(_ limit: Int = 8) throws -> [Submission] {
            try session.transaction { try WorkQueue(session).claim(worker, model: .sora2, limit: limit, chunk: 8) }
        }

        /// Records one answer to each of some submissions; gives whether that closed the gate.
        func answer(_ submissions: some Collection<Submission>, _ answer: SubmissionAnswer) throws -> Bool {
            let recorded = try session.transaction {
                try WorkQueue(session).record(submissions.map { ($0, answer) }, by: worker)
            }
            if case .refused(let refusal) = answer {
                for submission in submissions {
                    try session.transaction {
                        let queue = WorkQueue(session)
                        try queue.refuse(submission, refusal, behind: try queue.fence(worker))
                    }
                }
            }
            return recorded.closedGates == [.sora2]
        }

        func accept(_ submissions: some Collection<Submission>) throws {
            for submission in submissions {
                taken += 1
                #expect(try !answer([submission], .accepted(providerTaskID: "p\(taken)")))
            }
        }
    }

    @Test(arguments: [busy, lost])
    func `five failures in a row close it, and a probe that gets through opens it`(
        failure: SubmissionAnswer
    )
        async throws
    {
        try await Bench.run { bench in
            let first = try bench.claim()
            #expect(try !bench.answer(first.prefix(4), failure))
            try bench.accept(first[4...4])
            // In a row: what was taken in between counts.
            #expect(try !bench.answer(first[5...5], failure))
            let second = try bench.claim()
            #expect(second.count == 8)
            #expect(try !bench.answer(second.prefix(3), failure))
            #expect(try bench.answer(second[3...3], failure))
            #expect(try bench.claim().isEmpty)
            // What was under way says nothing new.
            #expect(try !bench.answer(second[4...], failure))
            try bench.advance(2)
            let probe = try bench.claim()
            #expect(probe.count == 1)
            #expect(try bench.claim().isEmpty)
            try bench.accept(probe)
            #expect(try bench.claim().count == 8)
        }
    }

    @Test func `it stays closed longer each time, for five minutes at most, with one probe each time`() async throws {
        try await Bench.run { bench in
            #expect(try bench.answer(try bench.claim(), Self.busy))
            for pause: Int64 in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
                try bench.advance(pause - 1)
                #expect(try bench.claim().isEmpty, "a second before \(pause)")
                try bench.advance(1)
                let probe = try bench.claim(32)
                #expect(probe.count == 1, "after \(pause)")
                #expect(try bench.answer(probe, Self.busy))
            }
            // The money is where it was: frozen, not spent, not given back.
            let row = try bench.session.query("SELECT frozen, spent, refunded FROM daybook.batch")[0]
            #expect(try row.int("frozen") == 2000 && row.int("spent") == 0 && row.int("refunded") == 0)
        }
    }

    @Test func `a probe whose worker died is followed by another`() async throws {
        try await Bench.run { bench in
            #expect(try bench.answer(try bench.claim(), Self.lost))
            try bench.advance(2)
            #expect(try bench.claim().count == 1)
            try bench.advance(89)
            #expect(try bench.claim().isEmpty)
            try bench.advance(1)
            let second = try bench.claim()
            #expect(second.count == 1)
            try bench.accept(second)
            #expect(try bench.claim().count == 8)
        }
    }

    @Test func `what concerns the account closes it at once, and a pause that the provider names is kept`() async throws
    {
        try await Bench.run { bench in
            let first = try bench.claim()
            let keyRefused = SubmissionAnswer.refused(.init(kind: .account, remark: "wrong key"))
            #expect(try bench.answer(first.prefix(1), keyRefused))
            try bench.advance(2)
            try bench.accept(try bench.claim())
            // One is taken while another is asked to wait: the pause stands.
            let later = SubmissionAnswer.refused(.init(kind: .temporary, remark: "busy", retryAfterSeconds: 50))
            #expect(try !bench.answer(first[1...1], later))
            try bench.accept(first[2...2])
            try bench.advance(49)
            #expect(try bench.claim().isEmpty)
            try bench.advance(1)
            #expect(try bench.claim().count == 8)
        }
    }

    @Test func `a task that is refused as it is says that the provider lives`() async throws {
        try await Bench.run { bench in
            let first = try bench.claim()
            #expect(try !bench.answer(first.prefix(4), Self.lost))
            #expect(try !bench.answer(first[4...4], .refused(.init(kind: .task, remark: "no such size"))))
            #expect(try !bench.answer(first[5...], Self.lost))
            #expect(try bench.claim().count == 8)
        }
    }
}
