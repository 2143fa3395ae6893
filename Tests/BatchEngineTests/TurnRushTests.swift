import BatchEngine
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// Everybody who changes what is ready, at once.
@Suite struct TurnRushTests {
    private static let clients = 5
    private static let stepsOfEach = 60
    private static let models: [VideoModel] = [.sora2, .veoFlash, .veoPro]

    /// One step of one client. Nothing in here may lose a deadlock, so none is tried again.
    private static func step(
        _ session: Session, _ worker: Int64, _ customers: [String], _ number: String, _ random: inout SeededRandom
    ) throws {
        let queue = WorkQueue(session)
        let customer = customers[Int.random(in: 0..<customers.count, using: &random)]
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<3:
            let items = (0..<6).map { BatchItem(model: models[$0 % 3], prompt: "item \($0)") }
            _ = try Batches(session, of: customer).create(
                BatchRequest(requestID: number, items: items), by: nil, from: Sample.origin)
        case 3:
            let batches = try session.query(
                "SELECT batch_id FROM daybook.batch WHERE user_id = $1 AND settled_at IS NULL", [.uuid(customer)])
            guard let row = batches.randomElement(using: &random) else { return }
            let batchID = try row.uuid("batch_id")
            _ = try session.transaction { try Batches(session, of: customer).cancel(batchID) }
        case 4:
            try session.execute(
                """
                UPDATE daybook.task SET expires_at = daybook.clock()
                WHERE user_id = $1 AND task_id = (
                    SELECT task_id FROM daybook.task WHERE user_id = $1 AND state = 'ready' LIMIT 1)
                """, [.uuid(customer)])
            while try session.transaction(TransactionOptions(), { try queue.endOverdue(limit: 3) }) > 0 {}
        case 5: _ = try session.transaction { try queue.mendTurns(after: .start, limit: 100) }
        default:
            let model = models[Int.random(in: 0..<3, using: &random)]
            let claimed = try session.transaction { try queue.claim(worker, model: model, limit: 6, chunk: 2) }
            for submission in claimed {
                let isTaken = Bool.random(using: &random)
                let refusal = SubmissionAnswer.Refusal(kind: .temporary, remark: "busy")
                if isTaken {
                    let answer = SubmissionAnswer.accepted(providerTaskID: "p \(submission.taskID)")
                    _ = try session.transaction { try queue.record([(submission, answer)], by: worker) }
                } else {
                    _ = try session.transaction { try queue.record([(submission, .refused(refusal))], by: worker) }
                    try session.transaction {
                        try queue.refuse(submission, refusal, behind: try queue.fence(worker))
                    }
                }
            }
        }
    }

    @Test func `the list of turns stays right, nobody loses a deadlock, and money is where it belongs`() async throws {
        try await withPool(1) { pool, settings in
            var customers: [String] = []
            for _ in 0..<3 { customers.append(try await TestCustomer.create(in: settings, purchased: 100_000)) }
            let all = customers
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in 0..<Self.clients {
                    group.addTask {
                        let connection = try await Connection.open(settings)
                        try await connection.run { session in
                            var random = SeededRandom(seed: UInt64(client) + 1)
                            let worker = try WorkQueue(session).register(host: "test", processID: Int32(client))
                            for number in 0..<Self.stepsOfEach {
                                try Self.step(session, worker, all, "\(client) \(number)", &random)
                            }
                        }
                        await connection.close()
                    }
                }
                try await group.waitForAll()
            }
            let wrong = try await pool.run { try wrongTurns($0) }
            #expect(wrong.isEmpty, "\(wrong)")
            #expect(try await Sample.brokenInvariants(in: pool).isEmpty)
            // It was worth it: tasks in every way to be ready, or not any more.
            let states = try await Sample.count("SELECT count(DISTINCT state) FROM daybook.task", in: pool)
            #expect(states >= 4)
        }
    }
}
