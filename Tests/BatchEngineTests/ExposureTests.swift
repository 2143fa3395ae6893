import BatchEngine
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// `daybook exposure` on an engine's database: where each frozen credit is, and what is not as it should be.
@Suite(.timeLimit(.minutes(5))) struct ExposureTests {
    /// A batch of six tasks of sora-2, one in each state, of a customer of its own.
    private static func states(_ user: String) -> String {
        """
        UPDATE daybook.task SET state = 'intent' WHERE user_id = '\(user)' AND batch_index = 1;
        UPDATE daybook.task SET state = 'unknown', deadline_at = now() + interval '20 minutes'
        WHERE user_id = '\(user)' AND batch_index = 2;
        UPDATE daybook.task SET state = 'accepted', provider_task_id = 'a', accepted_at = now(),
            deadline_at = now() + interval '10 minutes'
        WHERE user_id = '\(user)' AND batch_index = 3;
        UPDATE daybook.task SET state = 'succeeded', provider_task_id = 'b', ended_at = now()
        WHERE user_id = '\(user)' AND batch_index = 4;
        UPDATE daybook.task SET state = 'failed', ended_at = now() WHERE user_id = '\(user)' AND batch_index = 5;
        INSERT INTO daybook.submission (user_id, nonce, task_id, attempt, worker_id, outcome, intent_at, remark)
        SELECT user_id, substring(sha256(uuid_send(task_id)) FROM 1 FOR 16), task_id, 1, 1, state, now(),
            CASE state WHEN 'unknown' THEN 'the line broke' END
        FROM daybook.task WHERE user_id = '\(user)' AND state IN ('intent', 'unknown');
        """
    }

    /// Something that is not as it should be.
    struct Plant: Sendable, CustomTestStringConvertible {
        let name: String
        let sql: @Sendable (_ user: String) -> String
        /// State, finding and credits of each finding.
        let findings: [String]

        var testDescription: String { name }

        static func update(_ name: String, _ assignment: String, place: Int, _ finding: String) -> Plant {
            Plant(
                name: name,
                sql: {
                    "UPDATE daybook.task SET \(assignment) WHERE user_id = '\($0)' AND batch_index = \(place);"
                }, findings: [finding])
        }
    }

    static let plants = [
        Plant.update(
            "ready work that should have expired", "expires_at = now() - interval '10 minutes'", place: 0,
            "ready overdue 10"),
        Plant(
            name: "an intent of which nothing was heard",
            sql: {
                """
                UPDATE daybook.submission SET intent_at = now() - interval '1 hour'
                WHERE user_id = '\($0)' AND outcome = 'intent';
                """
            }, findings: ["intent overdue 10"]),
        Plant.update(
            "an unknown submission that should have been given up", "deadline_at = now() - interval '10 minutes'",
            place: 2, "unknown overdue 10"),
        Plant.update(
            "a task whose deadline has passed", "deadline_at = now() - interval '10 minutes'", place: 3,
            "accepted overdue 10"),
        Plant.update(
            "a refund that nobody makes", "ended_at = now() - interval '10 minutes'", place: 5,
            "awaiting_refund overdue 10"),
        Plant(
            name: "a batch that nobody settles",
            sql: {
                """
                UPDATE daybook.task SET state = 'succeeded', provider_task_id = 'c' || batch_index,
                    ended_at = now() - interval '10 minutes'
                WHERE user_id = '\($0)' AND batch_index < 5;
                """
            }, findings: ["delivered overdue 50"]),
        Plant.update(
            "a task that costs less than was frozen for it", "cost = 4", place: 0, "unexplained unexplained 6"),
        Plant.update(
            "a task that costs more than was frozen for it", "cost = 11", place: 0, "unexplained unexplained -1"),
        Plant(
            name: "a freeze of no batch",
            sql: {
                """
                INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id)
                VALUES ('\($0)', 'spend', -30, 'batch_upfront', 'cccccccc-0000-0000-0000-000000000001');
                """
            }, findings: ["unexplained unexplained 30"]),
    ]

    /// A customer with the batch, and nothing else.
    private func customer(_ pool: ConnectionPool, _ settings: ConnectionSettings) async throws -> String {
        let user = try await TestCustomer.create(in: settings, purchased: 80, bonus: 20)
        _ = try await pool.run {
            try Batches($0, of: user).create(Sample.request("six", items: 6), by: nil, from: Sample.origin)
        }
        try await execute(Self.states(user), in: settings)
        return user
    }

    private func exposure(
        _ settings: ConnectionSettings
    ) async throws -> (document: [String: Any], lines: [[String: Any]], run: ProgramRun) {
        let run = try await ProgramRun(["exposure", "--format", "json", "--database", Deployment.conninfo(settings)])
        let document = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any], "\(run.errors)")
        return (document, try #require(document["lines"] as? [[String: Any]]), run)
    }

    private static func findings(_ lines: [[String: Any]]) -> [String] {
        lines.filter { $0["finding"] != nil }.map {
            "\($0["state"] ?? "") \($0["finding"] ?? "") \($0["credits"] ?? "")"
        }.sorted()
    }

    @Test func `every frozen credit has its place, and they add up to what the customer's balance calls held`()
        async throws
    {
        try await withPool { pool, settings in
            let user = try await customer(pool, settings)
            let batch = UUID().uuidString.lowercased()
            try await execute(
                """
                INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, created_at)
                VALUES ('\(batch)', '\(user)', 'processing', 2, 10, now() - interval '3 days');
                SELECT public.freeze_credits_for_batch('\(batch)', '\(user)', 20);
                """, in: settings)
            let (document, lines, run) = try await exposure(settings)
            #expect(run.exitCode == 0 && Self.findings(lines) == [], "\(run.output)")
            let states = Dictionary(
                lines.map { ($0["state"] as? String ?? "", $0["credits"] as? Int ?? 0) }, uniquingKeysWith: +)
            #expect(
                states == [
                    "ready": 10, "intent": 10, "unknown": 10, "accepted": 10, "delivered": 10, "awaiting_refund": 10,
                    "application": 20,
                ])
            // All that waits has a deadline; what the application runs has none, and says how old it is.
            for line in lines {
                let isLive = ["ready", "intent", "unknown", "accepted"].contains(line["state"] as? String ?? "")
                #expect((line["ends_by"] != nil) == isLive, "\(line)")
            }
            let application = lines.first { $0["state"] as? String == "application" }
            #expect(application?["age_seconds"] as? Int ?? 0 >= 3 * 86_400)
            #expect((application?["detail"] as? String)?.contains("no deadline") == true)
            let unknown = lines.first { $0["state"] as? String == "unknown" }
            #expect(unknown?["task"] != nil && unknown?["detail"] as? String == "the line broke")
            let balance = try await pool.run { try CreditBook($0).balance(of: user) }
            #expect(document["frozen"] as? Int == Int(balance.held) && balance.held == 80)
            let text = try await ProgramRun(["exposure", "--database", Deployment.conninfo(settings)])
            #expect(text.exitCode == 0 && text.output.contains("80 credits are frozen, all of it explained"))
        }
    }

    @Test(arguments: plants) func `what is planted alone is found alone`(plant: Plant) async throws {
        try await withPool { pool, settings in
            let user = try await customer(pool, settings)
            let other = try await customer(pool, settings)
            try await execute(plant.sql(user), in: settings)
            let (_, lines, run) = try await exposure(settings)
            #expect(run.exitCode == 2 && Self.findings(lines) == plant.findings, "\(run.output)")
            #expect(lines.filter { $0["finding"] != nil }.allSatisfy { $0["user_id"] as? String == user })
            #expect(lines.contains { $0["user_id"] as? String == other })
        }
    }

    @Test func `what is planted together is found together, and the sums stay those of the ledger`() async throws {
        try await withPool { pool, settings in
            for plant in Self.plants { try await execute(plant.sql(customer(pool, settings)), in: settings) }
            let (document, lines, run) = try await exposure(settings)
            #expect(run.exitCode == 2)
            #expect(Self.findings(lines) == Self.plants.flatMap(\.findings).sorted(), "\(run.output)")
            for customer in try #require(document["customers"] as? [[String: Any]]) {
                let states = try #require(customer["states"] as? [String: Int])
                #expect(states.values.reduce(0, +) == customer["frozen"] as? Int, "\(customer)")
            }
            let csv = try await ProgramRun(
                ["exposure", "--format", "csv", "--database", Deployment.conninfo(settings)])
            #expect(csv.exitCode == 2 && csv.output.split(separator: "\r\n").count == lines.count + 1)
        }
    }

    @Test func `a refund that was made in part leaves what failed last`() async throws {
        try await withPool { pool, settings in
            let user = try await customer(pool, settings)
            // One that failed long ago is given back; the other failed just now.
            try await execute(
                """
                UPDATE daybook.task SET state = 'failed', ended_at = now() - interval '1 hour'
                WHERE user_id = '\(user)' AND batch_index = 0;
                SELECT daybook.give_back(user_id, batch_id, ARRAY['sora-2'], ARRAY[10]::bigint[]) FROM daybook.batch;
                """, in: settings)
            let (_, lines, run) = try await exposure(settings)
            let waiting = lines.filter { $0["state"] as? String == "awaiting_refund" }
            #expect(run.exitCode == 0 && waiting.count == 1 && waiting[0]["credits"] as? Int == 10, "\(run.output)")
        }
    }

    @Test func `what was rendered after its refund is listed, for so many days, and is no finding`() async throws {
        try await withPool { pool, settings in
            let user = try await customer(pool, settings)
            try await execute(
                """
                INSERT INTO daybook.submission (user_id, nonce, task_id, attempt, worker_id, outcome, intent_at,
                    provider_task_id, late_success_at)
                SELECT user_id, substring(sha256('late' || uuid_send(task_id)) FROM 1 FOR 16), task_id, 1, 1, 'abandoned',
                    now() - interval '2 hours', 'late-1', now() - interval '3 days'
                FROM daybook.task WHERE user_id = '\(user)' AND batch_index = 5
                """, in: settings)
            let (_, lines, run) = try await exposure(settings)
            let late = lines.filter { $0["state"] as? String == "late_success" }
            #expect(run.exitCode == 0 && late.count == 1 && late[0]["refunded"] as? Int == 10, "\(run.output)")
            #expect((late.first?["detail"] as? String)?.contains("late-1") == true)
            let short = try await ProgramRun(
                ["exposure", "--late-days", "2", "--format", "csv", "--database", Deployment.conninfo(settings)])
            #expect(short.exitCode == 0 && !short.output.contains("late_success"))
        }
    }
}
