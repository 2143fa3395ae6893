import Domain
import Foundation
import Postgres
import Schema
import TestSupport
import Testing

@testable import BatchEngine

/// How the server finds the rows of a worker's statements, those inside of functions and constraints included: by their
/// keys, whatever it believes of the tables and whenever it made its plans.
@Suite(.serialized) struct PlanTests {
    /// What the server knows of the tables.
    enum Knowledge: CaseIterable {
        /// Nothing, and plans are made when the tables are full.
        case none
        /// Nothing, and plans are made when there is one small batch.
        case noneAtFirst
        /// That they are empty, and plans are made then.
        case empty
        /// What is in them.
        case full
    }

    /// Rows that one part of a plan may read: what a claim counts of what the provider has is the most.
    private static let mostRows = 256

    @Test(arguments: Knowledge.allCases)
    func `every statement of a worker finds its rows by their key`(knows: Knowledge) async throws {
        let server = try LoggingServer.started.get()
        let database = try await server.database()
        let connection = try await Connection.open(database)
        _ = try await Migrator().migrate(connection)
        let customer = try await TestCustomer.create(in: database, purchased: 100_000)
        try await connection.run { session in
            if knows == .empty { try session.executeAlone("VACUUM ANALYZE") }
            let bench = try Bench(session, customer)
            if knows == .noneAtFirst || knows == .empty {
                try bench.create(40)
                try bench.work()
            }
            try bench.fill()
            if knows == .full { try session.executeAlone("VACUUM ANALYZE") }
            let start = try server.logLength()
            try session.execute("SET auto_explain.log_min_duration = 0")
            try bench.work()
            try session.execute("SET auto_explain.log_min_duration = -1")
            let plans = try server.plans(from: start)
            #expect(plans.count > 200, "\(plans.count) plans")
            let strange = Set(plans.flatMap { $0.strangeParts(mostRows: Self.mostRows) })
            #expect(strange.isEmpty, "\(strange.sorted().joined(separator: "\n"))")
        }
        await connection.close()
    }

    /// A customer with much of everything, and a worker.
    private struct Bench {
        let session: Session
        let customer: String
        let worker: Int64

        init(_ session: Session, _ customer: String) throws {
            self.session = session
            self.customer = customer
            worker = try WorkQueue(session).register(host: "test", processID: 1)
        }

        func create(_ count: Int) throws {
            let items = (0..<count).map {
                BatchItem(model: $0.isMultiple(of: 2) ? .sora2 : .veoFlash, prompt: "take \($0)")
            }
            _ = try Batches(session, of: customer).create(
                BatchRequest(requestID: UUID().uuidString, items: items), by: nil, from: Sample.origin)
        }

        /// A large batch of which a part has ended and a part is at the provider, small ones, and lots that are spent.
        func fill() throws {
            for number in 0..<400 {
                let booking = try CreditBooking(
                    kind: .purchase(credits: 10, price: .zero), reference: "\(number)", author: "test", reason: "test")
                _ = try session.transaction { try CreditBook(session).book(booking, for: customer) }
            }
            for _ in 0..<10 { try create(2) }
            try create(1500)
            try session.executeScript(
                """
                UPDATE daybook.lot SET remaining = 0, remaining_cost_usd = 0 WHERE credits = 10;
                UPDATE public.credit_wallet SET permanent_credits = (SELECT purchased FROM daybook.credit_left(user_id));
                UPDATE daybook.model_gate SET max_in_flight = 200;
                """)
            let taken = try claim(.sora2, limit: 180)
            _ = try record(taken.map { ($0, .accepted(providerTaskID: "filled \($0.taskID)")) })
            try end(Array(taken.prefix(120)))
        }

        func claim(_ model: VideoModel, limit: Int) throws -> [Submission] {
            try session.transaction { try WorkQueue(session).claim(worker, model: model, limit: limit, chunk: limit) }
        }

        func record(_ answers: [(Submission, SubmissionAnswer)]) throws -> [AcceptedTask] {
            try session.transaction {
                try WorkQueue(session).record(answers.map { ($0.0, $0.1) }, by: worker).accepted
            }
        }

        /// Ends tasks of one customer, one of each batch as a failure.
        func end(_ submissions: [Submission]) throws {
            for (batchID, group) in Dictionary(grouping: submissions, by: \.batchID) {
                let endings = group.enumerated().map { index, submission in
                    index == 0
                        ? TaskEnding.failed(submission.taskID, .init(reason: .error, message: "no"))
                        : TaskEnding.succeeded(submission.taskID, videoURL: "https://example.com/v")
                }
                _ = try session.transaction {
                    let queue = WorkQueue(session)
                    return try queue.end(
                        endings, of: batchID, customer: customer, from: [.accepted, .unknown],
                        behind: try queue.fence(worker))
                }
            }
        }

        /// Copies two videos: one lies in the store, one is given up.
        private func copy(_ found: [FoundEnding]) throws {
            let queue = WorkQueue(session)
            let records = try queue.beginCopies(found, by: worker)
            guard records.count == 2, try queue.copies(of: found.map(\.task)) == records else {
                throw TestSupportError("not all copies began")
            }
            let copy = VideoCopy(task: found[0].task, url: "https://example.com/w", attempts: 0, giveUpAt: .now)
            try queue.noteFailure(of: copy, "cut", by: worker)
            let video = StoredVideo(
                digest: [UInt8](repeating: 1, count: 32), sizeBytes: 1, contentType: "video/mp4")
            let ended = try queue.end(
                [
                    .init(task: found[0].task, ending: found[0].ending, video: video),
                    .init(task: found[1].task, ending: .notFetched(found[1].task.taskID), video: nil),
                ], by: worker)
            guard ended.count == 2 else { throw TestSupportError("not all copies ended") }
        }

        /// Everything that a worker does, some of each.
        func work() throws {
            for model in [VideoModel.sora2, .veoFlash] {
                let taken = try claim(model, limit: 8)
                guard taken.count == 8 else { throw TestSupportError("\(taken.count) tasks were claimed") }
                let lost = taken[5]
                let refused = taken[6]
                let rejected = taken[7]
                let busy = SubmissionAnswer.Refusal(kind: .temporary, remark: "busy", retryAfterSeconds: 1)
                let no = SubmissionAnswer.Refusal(kind: .task, remark: "no")
                // The fifth has the fourth one's id: those two go another way than the others.
                let accepted = try record(
                    taken.prefix(4).map { ($0, .accepted(providerTaskID: "task \($0.taskID)")) } + [
                        (taken[4], .accepted(providerTaskID: "task \(taken[3].taskID)")),
                        (lost, .unknown(remark: "lost")), (refused, .refused(busy)), (rejected, .refused(no)),
                    ])
                guard accepted.count == 4 else { throw TestSupportError("\(accepted.count) tasks were accepted") }
                let rendered = accepted.prefix(3).map { task in
                    FoundEnding(task, .succeeded(task.taskID, videoURL: "https://example.com/v"))
                }
                guard try WorkQueue(session).end([rendered[0]], by: worker).count == 1 else {
                    throw TestSupportError("not all tasks ended")
                }
                try copy(Array(rendered.dropFirst()))
                for (submission, refusal) in [(refused, busy), (rejected, no)] {
                    try session.transaction {
                        let queue = WorkQueue(session)
                        try queue.refuse(submission, refusal, behind: try queue.fence(worker))
                    }
                }
                let callback = WorkQueue.Callback(
                    userID: customer, nonce: lost.nonce, providerTaskID: "named \(lost.taskID)")
                _ = try WorkQueue(session).hear([callback])
                for hint in try session.transaction(
                    TransactionOptions(), { try WorkQueue(session).takeHints(worker, limit: 10) })
                {
                    _ = try session.transaction {
                        try WorkQueue(session).judge(hint, .running(progress: 1), by: worker)
                    }
                }
                let adopted = try session.transaction { try WorkQueue(session).adopt(worker, limit: 10) }
                guard adopted.map(\.taskID) == [lost.taskID] else { throw TestSupportError("\(adopted)") }
                // What nobody knows of, one of the two that were given one id, comes first, and fails.
                let known = Set(accepted.map(\.taskID) + adopted.map(\.taskID))
                let unknown = taken.prefix(6).filter { !known.contains($0.taskID) }
                try end(unknown + taken.prefix(6).filter { known.contains($0.taskID) })
            }
            try session.transaction { try WorkQueue(session).heartbeat(worker) }
            _ = try WorkQueue(session).look(worker, silenceMilliseconds: 3_600_000)
            _ = try session.transaction { try WorkQueue(session).bury(silenceMilliseconds: 3_600_000) }
            _ = try session.transaction { try WorkQueue(session).endOverdue(limit: 100) }
            _ = try session.transaction { try WorkQueue(session).expireCredit() }
        }
    }
}

/// A server of its own that writes down every plan, when a session asks for it.
private struct LoggingServer {
    static let started = Result { try LoggingServer() }

    private let cluster: TestCluster

    private init() throws {
        cluster = try TestCluster(
            port: 5477,
            settings: [
                "shared_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "-1",
                "auto_explain.log_nested_statements": "on", "auto_explain.log_analyze": "on",
                "auto_explain.log_timing": "off", "auto_explain.log_format": "json", "autovacuum": "off",
            ])
    }

    /// A new, empty database.
    func database() async throws -> ConnectionSettings {
        let name = "plans_\(UInt32.random(in: 0 ... .max))"
        let connection = try await Connection.open(cluster.settings())
        try await connection.run { try $0.executeAlone("CREATE DATABASE \(name)") }
        await connection.close()
        return cluster.settings(database: name)
    }

    private var log: URL { URL(fileURLWithPath: cluster.folder + "/log") }

    func logLength() throws -> Int { try Data(contentsOf: log).count }

    /// The plans that were written down since the log had a length.
    func plans(from start: Int) throws -> [WrittenPlan] {
        let text = String(decoding: try Data(contentsOf: log).dropFirst(start), as: UTF8.self)
        // The lines of one plan stand behind its heading, each behind a tab.
        return try text.components(separatedBy: "  plan:\n").dropFirst().map { part in
            let lines = part.split(separator: "\n", omittingEmptySubsequences: false).prefix { $0.hasPrefix("\t") }
            guard
                let plan = try JSONSerialization.jsonObject(with: Data(lines.joined(separator: "\n").utf8))
                    as? [String: Any], let query = plan["Query Text"] as? String,
                let root = plan["Plan"] as? [String: Any]
            else { throw TestSupportError("a plan cannot be read: \(lines)") }
            return WrittenPlan(query: query, root: root)
        }
    }
}

/// A plan as the server wrote it down, with what it read.
private struct WrittenPlan {
    let query: String
    let root: [String: Any]

    /// Tables that have a row at most.
    private static let oneRow: Set<String> = ["test_clock"]

    /// The parts that read more than the rows that they are about: in words.
    func strangeParts(mostRows: Int) -> [String] { Self.strangeParts(root, mostRows).map { "\($0) in \(query)" } }

    private static func strangeParts(_ node: [String: Any], _ mostRows: Int) -> [String] {
        let number = { (name: String) in (node[name] as? NSNumber)?.doubleValue ?? 0 }
        let loops = max(number("Actual Loops"), 1)
        let removed =
            loops
            * (number("Rows Removed by Filter") + number("Rows Removed by Join Filter")
                + number("Rows Removed by Index Recheck"))
        let kind = node["Node Type"] as? String ?? ""
        let table = node["Relation Name"] as? String
        let name = "\(kind) of \(table ?? "") by \(node["Index Name"] as? String ?? "nothing")"
        var strange: [String] = []
        if let table, !oneRow.contains(table), kind == "Seq Scan" || kind.hasPrefix("Bitmap") { strange.append(name) }
        // One row a time may be in another state than was looked for; among a batch's few sums a few may not matter.
        if removed > (table == nil ? 16 : loops) { strange.append("\(name) threw away \(Int(removed)) rows") }
        if table != nil, number("Actual Rows") * loops > Double(mostRows) {
            strange.append("\(name) read \(Int(number("Actual Rows") * loops)) rows")
        }
        let parts = node["Plans"] as? [[String: Any]] ?? []
        return strange + parts.flatMap { strangeParts($0, mostRows) }
    }
}
