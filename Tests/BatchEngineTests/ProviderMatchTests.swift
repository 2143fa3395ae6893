import Foundation
import Postgres
import TestSupport
import Testing

/// `daybook provider match` on an engine's database: one of each class, alone and together.
@Suite(.timeLimit(.minutes(5))) struct ProviderMatchTests {
    private static let user = "11111111-0000-0000-0000-000000000001"
    private static func batch(_ number: Int) -> String { "bbbbbbbb-0000-0000-0000-00000000000\(number)" }
    private static let header = "provider_task_id,model,usd\n"
    private static let line = "p-0,sora-2,0.100000\np-1,sora-2,0.1\np-2,sora-2,0.1\nv-3,veo3.1-fast,0.350001\n"

    /// A settled batch of the engine in October 2026, of which all was rendered: three of sora-2 and one of veo-flash.
    private static let books = """
        INSERT INTO public.users (id) VALUES ('\(user)');
        SELECT daybook.open_lot('\(user)', 'purchased', 5000, 100, NULL, 'purchase', 'stripe_payment', 'pay', NULL, NULL);
        \(engineBatch(1, models: ["sora-2", "sora-2", "sora-2", "veo-flash"], ids: ["p-0", "p-1", "p-2", "v-3"]))
        \(end(1, "succeeded"))
        """

    /// A batch of the engine whose tasks the provider has.
    private static func engineBatch(_ number: Int, models: [String], ids: [String]) -> String {
        let costs = models.map { $0 == "sora-2" ? 10 : 50 }
        let tasks = zip(models, ids).enumerated().map { index, task in
            "(\(index), '\(task.0)', '\(task.1)', \(costs[index]))"
        }.joined(separator: ", ")
        let byModel = Dictionary(zip(models, costs), uniquingKeysWith: +).sorted { $0.key < $1.key }
        return """
            INSERT INTO daybook.batch (user_id, batch_id, owner, created_at)
            VALUES ('\(user)', '\(batch(number))', 'engine', '2026-10-10T10:00:00Z');
            INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, created_at)
            VALUES ('\(batch(number))', '\(user)', 'processing', \(models.count), 50, '2026-10-10T10:00:00Z');
            CREATE TEMPORARY TABLE planted AS
            SELECT gen_random_uuid() AS id, * FROM (VALUES \(tasks)) AS v (place, model, provider, cost);
            INSERT INTO public.video_tasks (id, user_id, batch_job_id, batch_index, model, prompt, status, created_at)
            SELECT id, '\(user)', '\(batch(number))', place, model, 'a paper boat', 'pending', '2026-10-10T10:00:00Z'
            FROM planted;
            INSERT INTO daybook.task_fact (user_id, task_id, cost_credits) SELECT '\(user)', id, cost FROM planted;
            INSERT INTO daybook.task (user_id, task_id, batch_id, batch_index, model, cost, state, created_at, ready_at,
                expires_at, accepted_at, deadline_at, provider_task_id)
            SELECT '\(user)', id, '\(batch(number))', place, model, cost, 'accepted', now(), now(), now() + interval '1 day',
                now(), now() + interval '1 hour', provider
            FROM planted;
            INSERT INTO daybook.submission (user_id, nonce, task_id, attempt, worker_id, outcome, intent_at,
                provider_task_id)
            SELECT '\(user)', substring(sha256(uuid_send(id)) FROM 1 FOR 16), id, 1, 1, 'accepted', now(), provider
            FROM planted;
            SELECT daybook.freeze('\(user)', '\(batch(number))', ARRAY[\(byModel.map { "'\($0.key)'" }.joined(separator: ", "))],
                ARRAY[\(byModel.map { "\($0.value)" }.joined(separator: ", "))]);
            DROP TABLE planted;
            """
    }

    /// Ends all tasks of a batch of the engine, which settles it, in the middle of the month unless said otherwise.
    private static func end(_ number: Int, _ state: String, at instant: String = "2026-10-15T12:00:00Z") -> String {
        """
        SELECT daybook.end_tasks('\(user)', '\(batch(number))', array_agg(task_id), ARRAY['accepted'],
            array_agg('\(state)'::text), array_agg(NULL::text), array_agg(NULL::text), array_agg(NULL::text),
            array_agg(NULL::text))
        FROM daybook.task WHERE batch_id = '\(batch(number))';
        UPDATE public.video_tasks SET completed_at = '\(instant)' WHERE batch_job_id = '\(batch(number))';
        """
    }

    /// Something that a bill and the books do not agree on.
    struct Plant: Sendable, CustomTestStringConvertible {
        let name: String
        /// What happens to the books.
        var sql = ""
        /// Lines that come to the bill.
        var lines = ""
        /// Lines that are not on it.
        var missing = ""
        /// Rows by class, and their dollars in millionths, beside what agrees.
        let expected: [String: String]

        var testDescription: String { name }
    }

    static let plants = [
        Plant(
            name: "a video that was refunded, and rendered",
            sql: engineBatch(2, models: ["sora-2", "sora-2"], ids: ["r-0", "r-1"]) + end(2, "timed_out"),
            lines: "r-0,sora-2,0.11\n", expected: ["refunded_but_rendered": "1 0.11"]),
        Plant(
            name: "a delivery that nobody paid for",
            sql: """
                INSERT INTO public.batch_jobs (id, user_id, status, total_count, success_count, cost_per_video,
                    settlement_status, created_at)
                VALUES ('\(batch(3))', '\(user)', 'completed', 1, 1, 10, 'finalized', '2026-10-10T10:00:00Z');
                INSERT INTO public.video_tasks (user_id, batch_job_id, batch_index, model, prompt, status, completed_at,
                    grsai_task_id)
                VALUES ('\(user)', '\(batch(3))', 0, 'sora-2', 'p', 'succeeded', '2026-10-20T00:00:00Z', 'n-0');
                """, lines: "n-0,sora-2,0.12\n", expected: ["rendered_but_not_charged": "1 0.12"]),
        Plant(
            name: "an id on two lines, a second id of one task, and a second task of one submission",
            sql: """
                INSERT INTO daybook.submission (user_id, nonce, task_id, attempt, worker_id, outcome, intent_at,
                    provider_task_id)
                SELECT user_id, '\\x00112233445566778899aabbccddeeff', task_id, 2, 1, 'abandoned', now(), 'p-0-again'
                FROM daybook.task WHERE provider_task_id = 'p-0';
                SELECT daybook.note_hint(user_id, nonce, 'p-2-second', 'extra')
                FROM daybook.submission WHERE provider_task_id = 'p-2';
                """, lines: "p-1,sora-2,0.13\np-0-again,sora-2,0.14\np-2-second,sora-2,0.17\n",
            expected: ["charged_twice": "3 0.44"]),
        Plant(
            name: "an id that nobody knows, and one that was named and that the provider denied",
            sql: """
                SELECT daybook.note_hint(user_id, nonce, 'denied', 'denied')
                FROM daybook.submission WHERE provider_task_id = 'p-1';
                """, lines: "nobody,sora-2,0.15\ndenied,sora-2,0.18\n",
            expected: ["billed_unknown_id": "2 0.33"]),
        Plant(
            name: "videos at the end of the month that are not on the bill, and one of the next month",
            sql: engineBatch(4, models: ["sora-2"], ids: ["e-0"])
                + end(4, "succeeded", at: "2026-10-31T23:59:59.999999Z")
                + engineBatch(5, models: ["sora-2"], ids: ["e-1"]) + end(5, "succeeded", at: "2026-11-01T00:00:00Z"),
            expected: ["not_billed": "1 0.00"]),
        Plant(
            name: "another model than was rendered",
            sql: engineBatch(6, models: ["sora-2"], ids: ["m-0"]) + end(6, "succeeded"),
            lines: "m-0,veo3.1-pro,2.5\n", expected: ["model_differs": "1 2.50"]),
        Plant(
            name: "a task that is not settled yet", sql: engineBatch(7, models: ["sora-2"], ids: ["o-0"]),
            lines: "o-0,sora-2,0.16\n", expected: ["open": "1 0.16"]),
    ]

    private func match(
        _ settings: ConnectionSettings, _ lines: String, _ arguments: [String] = []
    ) async throws -> ProgramRun {
        let folder = try ScratchFolder()
        let file = try folder.write(Self.header + lines, to: "bill.csv")
        return try await ProgramRun(
            ["provider", "match", file, "--month", "2026-10", "--database", Deployment.conninfo(settings)] + arguments)
    }

    /// Rows and dollars of each class that has any, from the JSON form.
    private func classes(_ settings: ConnectionSettings, _ lines: String) async throws -> [String: String] {
        let run = try await match(settings, lines, ["--format", "json"])
        let document = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any], "\(run.errors)")
        let sums = try #require(document["classes"] as? [[String: Any]])
        var found: [String: String] = [:]
        for sum in sums where sum["rows"] as? Int != 0 {
            found[sum["class"] as? String ?? ""] = "\(sum["rows"] ?? "") \(sum["usd"] ?? "")"
        }
        let rows = try #require(document["rows"] as? [[String: Any]])
        #expect("\(rows.count)" == found["total"]?.split(separator: " ").first.map(String.init))
        #expect(run.exitCode == (Set(found.keys) == ["agreed", "total"] ? 0 : 2), "\(run.errors)")
        found["total"] = nil
        return found
    }

    @Test func `a bill that agrees is agreed, whichever name it has for a model`() async throws {
        try await withEngine { settings in
            try await execute(Self.books, in: settings)
            #expect(try await classes(settings, Self.line) == ["agreed": "4 0.650001"])
            let text = try await match(settings, Self.line)
            #expect(text.exitCode == 0 && text.output.contains("agreed"), "\(text.output)\(text.errors)")
        }
    }

    @Test(arguments: plants) func `what is planted alone is found alone`(plant: Plant) async throws {
        try await withEngine { settings in
            try await execute(Self.books + plant.sql, in: settings)
            let found = try await classes(settings, Self.line + plant.lines)
            #expect(found == plant.expected.merging(["agreed": "4 0.650001"]) { first, _ in first })
        }
    }

    @Test func `what is planted together is found together, in every form, and the file's total to the millionth`()
        async throws
    {
        try await withEngine { settings in
            try await execute(Self.books + Self.plants.map(\.sql).joined(), in: settings)
            let lines = Self.line + Self.plants.map(\.lines).joined()
            let expected = Self.plants.reduce(into: ["agreed": "4 0.650001"]) { all, plant in
                all.merge(plant.expected) { first, _ in first }
            }
            #expect(try await classes(settings, lines) == expected)
            let csv = try await match(settings, lines, ["--format", "csv"])
            // Every line of the bill, one task that is not on it, and the header.
            let bill = lines.split(separator: "\n").count
            #expect(csv.exitCode == 2 && csv.output.split(separator: "\r\n").count == bill + 2, "\(csv.output)")
            #expect(csv.errors.contains("4.310001"), "\(csv.errors)")
            let text = try await match(settings, lines)
            for word in expected.keys { #expect(text.output.contains(word), "\(text.output)") }
            #expect(text.output.contains("r-0") && !text.output.contains("v-3"), "\(text.output)")
            let folder = try ScratchFolder()
            let sheet = try await match(settings, lines, ["--format", "xlsx", "--output", folder.file("match.xlsx")])
            #expect(sheet.exitCode == 2, "\(sheet.errors)")
            #expect(
                FileManager.default.contents(atPath: folder.file("match.xlsx"))?.starts(with: Data("PK".utf8)) == true)
        }
    }

    @Test(arguments: [
        ("id,model,usd\n", "line 1: the columns must be"),
        ("provider_task_id,model,usd\np-0,sora-2\n", "line 2: the row has 2 fields"),
        ("provider_task_id,model,usd\np-0,sora-2,0.1\n,sora-2,0.1\n", "line 3: provider_task_id is not an id"),
        ("provider_task_id,model,usd\np-0,,0.1\n", "line 2: model is not the name"),
        ("provider_task_id,model,usd\np-0,sora-2,-0.1\n", "line 2: usd is not an amount"),
        ("provider_task_id,model,usd\np-0,sora-2,0.1234567\n", "line 2: usd is not an amount"),
        ("", "is empty; it needs a header row"),
    ]) func `a file that is no bill is refused by its line`(text: String, sentence: String) async throws {
        try await withEngine { settings in
            let folder = try ScratchFolder()
            let file = try folder.write(text, to: "bill.csv")
            let run = try await ProgramRun(
                ["provider", "match", file, "--month", "2026-10", "--database", Deployment.conninfo(settings)])
            #expect(run.exitCode == 65 && run.errors.contains(sentence), "\(run.errors)")
        }
    }
}
