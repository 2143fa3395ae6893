import Domain
import Ledger
import Postgres
import TestSupport
import Testing

@testable import BatchEngine

/// A callback is a hint: what it names is asked for before it is bound, and nothing that was named is dropped.
@Suite struct HintTests {
    private static let running = ProviderStatus.running(progress: 10)
    private static let rendered = ProviderStatus.succeeded(videoURL: "https://example.com/v", pid: nil)

    /// A customer whose tasks are all handed over, a worker, and a clock that stands still.
    private final class Bench {
        let session: Session
        let worker: Int64
        let submissions: [Submission]

        init(_ session: Session, _ userIDs: [String], tasks: Int) throws {
            self.session = session
            let worker = try WorkQueue(session).register(host: "test", processID: 1)
            for userID in userIDs {
                _ = try Batches(session, of: userID).create(
                    Sample.request("r", items: tasks), by: nil, from: Sample.origin)
            }
            submissions = try session.transaction {
                try WorkQueue(session).claim(worker, model: .sora2, limit: tasks * userIDs.count, chunk: tasks)
            }
            self.worker = worker
        }

        static func run(
            customers: Int = 1, tasks: Int = 2, _ body: @Sendable (Bench) throws -> Void
        ) async throws {
            try await withEngine { settings in
                var userIDs: [String] = []
                for _ in 0..<customers { userIDs.append(try await TestCustomer.create(in: settings, purchased: 2000)) }
                let connection = try await Connection.open(settings)
                do {
                    try await connection.run { [userIDs] session in
                        try session.execute(
                            """
                            INSERT INTO daybook.test_clock (rate, origin, anchor)
                            VALUES (0, clock_timestamp(), clock_timestamp())
                            """)
                        try body(Bench(session, userIDs, tasks: tasks))
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

        /// A callback comes in; gives what became of it.
        func hear(_ submission: Submission, _ id: String) throws -> WorkQueue.Heard? {
            let callback = WorkQueue.Callback(
                userID: submission.userID, nonce: submission.nonce, providerTaskID: id)
            return try WorkQueue(session).hear([callback])[callback]
        }

        /// The provider says this to all ids that it is time to ask for; gives what came of each.
        @discardableResult
        func ask(_ status: ProviderStatus) throws -> [String: Hint.Outcome] {
            let hints = try session.transaction { try WorkQueue(session).takeHints(worker, limit: 100) }
            var outcomes: [String: Hint.Outcome] = [:]
            for hint in hints {
                outcomes[hint.providerTaskID] = try session.transaction {
                    try WorkQueue(session).judge(hint, status, by: worker)
                }
            }
            return outcomes
        }

        func answer(_ submission: Submission, _ answer: SubmissionAnswer) throws -> [AcceptedTask] {
            try session.transaction {
                try WorkQueue(session).record([(submission, answer)], by: worker).accepted
            }
        }

        func end(_ submission: Submission, asked id: String) throws -> Bool {
            try session.transaction {
                let queue = WorkQueue(session)
                return try !queue.end(
                    [.succeeded(submission.taskID, videoURL: "https://example.com/\(id)")], of: submission.batchID,
                    customer: submission.userID, from: [.accepted], asked: [submission.taskID: id],
                    behind: try queue.fence(worker)
                ).isEmpty
            }
        }

        /// State and provider's id of a task.
        func task(_ submission: Submission) throws -> String {
            try session.query(
                "SELECT concat_ws(' ', state, provider_task_id) AS words FROM daybook.task WHERE task_id = $1",
                [.uuid(submission.taskID)])[0].text("words")
        }

        /// Every id that was named for a submission, with what it is and the provider's last word.
        func hints(_ submission: Submission) throws -> [String] {
            try session.query(
                """
                SELECT concat_ws(' ', provider_task_id, outcome, provider_status) AS words FROM daybook.provider_hint
                WHERE nonce = $1 ORDER BY provider_task_id COLLATE "C"
                """, [.bytes(submission.nonce)]
            ).map { try $0.text("words") }
        }
    }

    @Test func `a callback binds nothing before the provider knows its id`() async throws {
        try await Bench.run { bench throws in
            let lost = bench.submissions[0]
            #expect(try bench.answer(lost, .unknown(remark: "HTTP 502")).isEmpty)
            #expect(try bench.hear(lost, "forged") == .kept)
            #expect(try bench.hear(lost, "forged") == nil)
            #expect(try bench.task(lost) == "unknown")
            // Denials count only when the provider has had its time, and are asked for less and less often.
            for _ in 0..<5 {
                let outcomes = try bench.ask(.notFound).values
                #expect(outcomes.allSatisfy { $0 == .heard || $0 == .denied })
                #expect(try bench.ask(.notFound).isEmpty)
                try bench.advance(40)
            }
            #expect(try bench.hints(lost) == ["forged denied"])
            #expect(try bench.task(lost) == "unknown")
            // The true one comes later, and is the submission's.
            #expect(try bench.hear(lost, "true") == .kept)
            #expect(try bench.ask(Self.running) == ["true": .bound])
            #expect(try bench.task(lost) == "accepted true")
            let worker = bench.worker
            let adopted = try bench.session.transaction {
                try WorkQueue(bench.session).adopt(worker, limit: 10).map(\.providerTaskID)
            }
            #expect(adopted == ["true"])
            #expect(try bench.ask(Self.running).isEmpty)
        }
    }

    @Test func `the provider's own answer stands above what a callback named, and both are kept`() async throws {
        try await Bench.run { bench throws in
            let submission = bench.submissions[0]
            #expect(try bench.hear(submission, "named") == .kept)
            #expect(try bench.ask(Self.running) == ["named": .bound])
            #expect(try bench.task(submission) == "accepted named")
            let recorded = try bench.answer(submission, .accepted(providerTaskID: "true"))
            #expect(recorded.map(\.providerTaskID) == ["true"])
            #expect(try bench.task(submission) == "accepted true")
            // The other one is no end of this task, whoever still asks for it.
            #expect(try bench.end(submission, asked: "named") == false)
            #expect(try bench.task(submission) == "accepted true")
            #expect(try bench.ask(Self.rendered) == ["named": .extra])
            #expect(try bench.hints(submission) == ["named extra succeeded"])
            #expect(try bench.end(submission, asked: "true"))
            #expect(try bench.task(submission) == "succeeded true")
        }
    }

    @Test func `a second id is asked for until its end, and is on record as a second task`() async throws {
        try await Bench.run { bench throws in
            let submission = bench.submissions[0]
            #expect(try bench.answer(submission, .accepted(providerTaskID: "first")).count == 1)
            #expect(try bench.hear(submission, "first") == nil)
            #expect(try bench.hear(submission, "second") == .kept)
            #expect(try bench.ask(Self.running) == ["second": .extra])
            try bench.advance(60)
            #expect(try bench.ask(Self.rendered) == ["second": .extra])
            try bench.advance(3600)
            #expect(try bench.ask(Self.rendered).isEmpty)
            #expect(try bench.hints(submission) == ["second extra succeeded"])
            #expect(try bench.task(submission) == "accepted first")
        }
    }

    @Test func `an id is one submission's, and the provider's answer says whose`() async throws {
        try await Bench.run(customers: 2, tasks: 1) { bench throws in
            let (one, other) = (bench.submissions[0], bench.submissions[1])
            #expect(one.userID != other.userID)
            #expect(try bench.hear(other, "ones") == .kept)
            #expect(try bench.ask(Self.running) == ["ones": .bound])
            // The provider gives it to the one: the other's answer is lost again.
            #expect(try bench.answer(one, .accepted(providerTaskID: "ones")).count == 1)
            #expect(try bench.task(one) == "accepted ones")
            #expect(try bench.task(other) == "unknown")
            #expect(try bench.hints(other) == ["ones foreign running"])
            #expect(try bench.end(one, asked: "ones"))
            #expect(try bench.answer(other, .accepted(providerTaskID: "others")).count == 1)
            #expect(try bench.task(other) == "accepted others")
            // What is somebody's already is not bound.
            #expect(try bench.hear(other, "ones") == nil)
            #expect(try bench.hear(one, "others") == .kept)
            #expect(try bench.ask(Self.running)["others"] == .foreign)
        }
    }

    @Test func `what is found after a task was given up costs nobody anything and is asked for`() async throws {
        try await Bench.run { bench throws in
            let (late, spooled) = (bench.submissions[0], bench.submissions[1])
            for submission in [late, spooled] { _ = try bench.answer(submission, .unknown(remark: "lost")) }
            try bench.advance(3600)
            #expect(try bench.session.transaction { try WorkQueue(bench.session).endOverdue(limit: 10) } == 2)
            #expect(try bench.hear(late, "late") == .kept)
            #expect(try bench.answer(spooled, .accepted(providerTaskID: "spooled")).isEmpty)
            #expect(try bench.ask(Self.running) == ["late": .bound, "spooled": .bound])
            try bench.advance(60)
            #expect(try bench.ask(Self.rendered) == ["late": .bound, "spooled": .bound])
            let noted = try bench.session.query(
                """
                SELECT count(*) AS n FROM daybook.submission
                WHERE outcome = 'abandoned' AND late_success_at IS NOT NULL
                """)
            #expect(try noted[0].int("n") == 2)
            #expect(try bench.task(late) == "failed")
            #expect(try bench.task(spooled) == "failed")
        }
    }

    @Test func `what is open is listed as exposure, as long as it is`() async throws {
        try await Bench.run { bench throws in
            let (lost, doubled) = (bench.submissions[0], bench.submissions[1])
            func open() throws -> [String] {
                let folder = Deployment.root + "/reports"
                let report = try bench.session.transaction {
                    try CreditExposure(definitionFolder: folder, account: nil).read(bench.session)
                }
                return report.lines.filter { ![.ready, .intent, .accepted].contains($0.state) }.map { line in
                    [line.state.rawValue, line.task, line.credits.map(String.init), line.detail].compactMap(\.self)
                        .joined(separator: " ")
                }
            }
            #expect(try open().isEmpty)
            _ = try bench.answer(lost, .unknown(remark: "HTTP 502"))
            _ = try bench.answer(doubled, .accepted(providerTaskID: "first"))
            _ = try bench.hear(doubled, "second")
            #expect(try open() == ["unknown \(lost.taskID) 10 HTTP 502", "named_id the provider's second"])
            try bench.ask(Self.running)
            #expect(
                try open() == ["unknown \(lost.taskID) 10 HTTP 502", "second_task the provider's second, running"])
            #expect(try bench.end(doubled, asked: "first"))
            try bench.advance(3600)
            _ = try bench.session.transaction { try WorkQueue(bench.session).endOverdue(limit: 10) }
            _ = try bench.hear(lost, "late")
            try bench.ask(Self.rendered)
            let states = try open().map { $0.split(separator: " ").first.map(String.init) ?? "" }
            #expect(states.suffix(2) == ["late_success", "second_task"], "\(states)")
        }
    }

    @Test func `of one submission no more than sixteen ids are kept, and the next one is named`() async throws {
        try await Bench.run { bench throws in
            let submission = bench.submissions[0]
            for number in 0..<16 { #expect(try bench.hear(submission, "id \(number)") == .kept) }
            #expect(try bench.hear(submission, "one more") == .tooMany)
            #expect(try bench.hear(submission, "id 7") == nil)
            #expect(try bench.hints(submission).count == 16)
        }
    }
}
