import BatchEngine
import Domain
import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// A batch of 10,000 beside one of ten.
@Suite struct FairnessTests {
    @Test func `a batch of ten is served at once beside one of ten thousand, whose cancel gives back the rest`()
        async throws
    {
        try await withEngine { settings in
            let large = try await TestCustomer.create(in: settings, purchased: 200_000)
            let small = try await TestCustomer.create(in: settings, purchased: 200)
            let connection = try await Connection.open(settings)
            try await connection.run { session in
                let first = try Self.create(10_000, for: large, session)
                _ = try Self.create(10, for: small, session)
                let worker = try WorkQueue(session).register(host: "test", processID: 1)
                let claimed = try session.transaction {
                    try WorkQueue(session).claim(worker, model: .sora2, limit: 32, chunk: 8)
                }
                // In turn, eight at a time: the small one is done with its second turn.
                #expect(claimed.filter { $0.userID == small }.count == 10)
                #expect(claimed.filter { $0.userID == large }.count == 22)
                // Half of what was claimed is taken by the provider; the cancel gives back all that was not handed over.
                let outcome = try session.transaction { try Batches(session, of: large).cancel(first) }
                guard case .cancelled(let summary) = outcome else {
                    Issue.record("\(outcome)")
                    return
                }
                #expect(summary.creditsRefunded == (10_000 - 22) * 10)
                let answers = claimed.enumerated().filter { $1.userID == large }.map { number, submission in
                    (
                        submission,
                        number % 2 == 0
                            ? SubmissionAnswer.accepted(providerTaskID: "p\(number)")
                            : .refused(.init(kind: .temporary, remark: "busy"))
                    )
                }
                for (submission, answer) in answers {
                    try session.transaction {
                        guard case .refused(let refusal) = answer else {
                            _ = try WorkQueue(session).record([(submission, answer)], by: worker)
                            return
                        }
                        let queue = WorkQueue(session)
                        try queue.refuse(submission, refusal, behind: try queue.fence(worker))
                    }
                }
                let accepted = answers.filter { if case .accepted = $0.1 { true } else { false } }.map(\.0.taskID)
                _ = try session.transaction {
                    let queue = WorkQueue(session)
                    return try queue.end(
                        accepted.map { .succeeded($0, videoURL: "https://example.com/v") }, of: first, customer: large,
                        from: [.accepted], behind: try queue.fence(worker))
                }
                let row = try session.query(
                    "SELECT frozen, spent, refunded, settled_at IS NOT NULL AS settled FROM daybook.batch WHERE batch_id = $1",
                    [.uuid(first)])[0]
                let spent = Int64(accepted.count) * 10
                #expect(try row.bool("settled") && row.int("spent") == spent && row.int("refunded") == 100_000 - spent)
                #expect(try CreditBook(session).balance(of: large).available == 200_000 - spent)
            }
            await connection.close()
        }
    }

    private static func create(_ count: Int, for userID: String, _ session: Session) throws -> String {
        let request = BatchRequest(requestID: "r", items: (0..<count).map { BatchItem(prompt: "item \($0)") })
        let outcome = try Batches(session, of: userID).create(request, by: nil, from: .test)
        guard case .created(let summary, _) = outcome else { throw TestSupportError("\(outcome)") }
        return summary.batchID
    }
}
