import Foundation
import Postgres
import TestSupport
import Testing

/// What `daybook ledger verify` finds where one thing is wrong, and where all of it is, beside an engine.
@Suite struct PlantedFindingTests {
    /// Something that is wrong, in the books of a customer of its own, and what has to be found.
    struct Plant: Sendable, CustomTestStringConvertible {
        let name: String
        let number: Int
        let sql: String
        let findings: [String]

        var testDescription: String { name }
    }

    private static func user(_ number: Int) -> String { "11111111-0000-0000-0000-00000000000\(number)" }
    private static func batch(_ number: Int) -> String { "bbbbbbbb-0000-0000-0000-00000000000\(number)" }

    /// A batch of the application with its tasks: of 10 credits each, all of one status.
    private static func batch(
        _ number: Int, frozen: Int, tasks: (count: Int, status: String), status: String, settlement: String,
        ageHours: Int = 2, cost: Int = 10
    ) -> String {
        let succeeded = tasks.status == "succeeded" ? tasks.count : 0
        let failed = tasks.status == "failed" ? tasks.count : 0
        let ended = succeeded + failed > 0 ? "now() - interval '\(ageHours - 1) hours'" : "NULL"
        return """
            INSERT INTO public.batch_jobs (
                id, user_id, status, total_count, success_count, failed_count, cost_per_video, frozen_credits,
                credits_spent, settlement_status, created_at, updated_at)
            VALUES ('\(batch(number))', '\(user(number))', '\(status)', \(tasks.count), \(succeeded), \(failed),
                \(cost), \(frozen), \(succeeded * cost), '\(settlement)', now() - interval '\(ageHours) hours',
                now() - interval '1 hour');
            INSERT INTO public.video_tasks (user_id, batch_job_id, batch_index, model, prompt, status, created_at,
                completed_at)
            SELECT '\(user(number))', '\(batch(number))', n, 'sora-2', 'a paper boat', '\(tasks.status)',
                now() - interval '\(ageHours) hours', \(ended)
            FROM generate_series(0, \(tasks.count - 1)) AS n;
            """
    }

    /// A row of the ledger, and the wallet that follows it.
    private static func book(
        _ number: Int, _ type: String, _ credits: Int, of reference: String, at: String = "now() - interval '1 hour'"
    ) -> String {
        """
        UPDATE public.credit_wallet SET permanent_credits = permanent_credits + \(credits)
        WHERE user_id = '\(user(number))';
        INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id, created_at)
        VALUES ('\(user(number))', '\(type)', \(credits), '\(reference)', '\(batch(number))', \(at));
        """
    }

    static let plants = [
        Plant(
            name: "a delivery that was never frozen", number: 1,
            sql: batch(
                1, frozen: 0, tasks: (2, "succeeded"), status: "completed", settlement: "finalized", cost: 2500),
            findings: ["delivered_unpaid,\(batch(1)),5000"]),
        Plant(
            name: "a batch that was frozen twice", number: 2,
            sql: batch(2, frozen: 20, tasks: (2, "succeeded"), status: "completed", settlement: "finalized")
                + book(2, "spend", -20, of: "batch_upfront") + book(2, "spend", -20, of: "batch_upfront"),
            findings: ["charge_differs,\(batch(2)),20", "freeze_disagrees,\(batch(2)),20"]),
        Plant(
            name: "tasks that began without credit for all of them", number: 3,
            sql: batch(3, frozen: 20, tasks: (3, "processing"), status: "processing", settlement: "pending")
                + book(3, "spend", -20, of: "batch_upfront"), findings: ["freeze_short,\(batch(3)),10"]),
        Plant(
            name: "a wallet that was written past the engine", number: 4,
            sql: """
                ALTER TABLE public.credit_wallet DISABLE TRIGGER daybook_mirror_wallet;
                \(book(4, "purchase", 94_290, of: "stripe_payment"))
                ALTER TABLE public.credit_wallet ENABLE TRIGGER daybook_mirror_wallet;
                """, findings: ["lots_disagree,\(user(4)),94290"]),
        Plant(
            name: "tasks that are open for days", number: 5,
            sql: batch(
                5, frozen: 20, tasks: (2, "processing"), status: "processing", settlement: "pending", ageHours: 72)
                + book(5, "spend", -20, of: "batch_upfront", at: "now() - interval '72 hours'"),
            findings: ["stuck_batch,\(batch(5)),20"]),
        Plant(
            name: "a batch that gave all back and is not settled", number: 6,
            sql: batch(6, frozen: 20, tasks: (2, "failed"), status: "processing", settlement: "pending", ageHours: 72)
                + book(6, "spend", -20, of: "batch_upfront", at: "now() - interval '72 hours'")
                + book(6, "refund", 20, of: "batch_refund", at: "now() - interval '71 hours'"),
            findings: ["stuck_batch,\(batch(6)),0"]),
        Plant(
            name: "a purchase that is dated in the future", number: 7,
            sql: book(7, "purchase", 700, of: "stripe_payment", at: "now() + interval '10 days'"),
            findings: ["posted_in_future,entry,700"]),
    ]

    /// An engine's database with one customer for each plant, who bought 1,000 credits.
    private func withCustomers(_ body: (ConnectionSettings) async throws -> Void) async throws {
        try await withEngine { settings in
            let scratch = try ScratchFolder()
            var accounts = try #require(
                try String(contentsOfFile: Deployment.root + "/sample/accounts.csv", encoding: .utf8)
                    .split(whereSeparator: \.isNewline).first.map { String($0) + "\n" })
            for plant in Self.plants {
                try await execute(
                    """
                    INSERT INTO public.users (id) VALUES ('\(Self.user(plant.number))');
                    INSERT INTO public.credit_wallet (user_id, permanent_credits)
                    VALUES ('\(Self.user(plant.number))', 1000);
                    INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, created_at)
                    VALUES ('\(Self.user(plant.number))', 'purchase', 1000, 'stripe_payment',
                        now() - interval '90 days')
                    """, in: settings)
                accounts += "\(Self.user(plant.number)),c\(plant.number),C,payg,USD,UTC,90,0,\n"
            }
            let file = try scratch.write(accounts, to: "accounts.csv")
            #expect(try await daybook(settings, ["accounts", "import", file]).exitCode == 0)
            try await body(settings)
        }
    }

    /// What is found: name, reference (the number of an entry is nobody's to know) and credits.
    private func findings(_ settings: ConnectionSettings, _ arguments: [String] = []) async throws -> [String] {
        let run = try await daybook(settings, ["ledger", "verify", "--format", "csv"] + arguments)
        let scratch = try ScratchFolder()
        let rows = try StatementRuns.records(try scratch.write(run.output, to: "found.csv")).dropFirst()
        #expect(run.exitCode == (rows.isEmpty ? 0 : 2), "\(run.errors)")
        #expect(rows.allSatisfy { $0.count == 6 && !$0[4].isEmpty && !$0[5].isEmpty })
        return rows.map { row in
            "\(row[0]),\(row[0] == "posted_in_future" ? "entry" : row[1]),\(row[2])"
        }.sorted()
    }

    @Test(arguments: plants) func `what is planted alone is found alone`(plant: Plant) async throws {
        try await withCustomers { settings in
            #expect(try await findings(settings) == [])
            try await execute(plant.sql, in: settings)
            #expect(try await findings(settings) == plant.findings)
            #expect(try await findings(settings, ["--account", "c\(plant.number)"]) == plant.findings)
        }
    }

    @Test func `what is planted together is found together`() async throws {
        try await withCustomers { settings in
            for plant in Self.plants { try await execute(plant.sql, in: settings) }
            #expect(try await findings(settings) == Self.plants.flatMap(\.findings).sorted())
        }
    }

    @Test func `a statement and the verification compare the wallet with the same rows`() async throws {
        try await withCustomers { settings in
            try await execute(try #require(Self.plants.last?.sql), in: settings)
            let month = String(Date().ISO8601Format().prefix(7))
            func unexplained() async throws -> String? {
                let run = try await StatementRuns(
                    settings, ["--month", month, "--account", "c7", "--format", "csv"])
                return try run.records("statement-c7-\(month)", "summary").first { $0.contains("unexplained") }?.last
            }
            #expect(try await unexplained() == "0")
            // The same row with a wallet that does not know of it: both say by how much.
            try await execute(
                "UPDATE public.credit_wallet SET permanent_credits = 1000 WHERE user_id = '\(Self.user(7))'",
                in: settings)
            #expect(try await unexplained() == "-700")
            #expect(
                try await findings(settings) == ["posted_in_future,entry,700", "wallet_drift,\(Self.user(7)),700"])
        }
    }
}
