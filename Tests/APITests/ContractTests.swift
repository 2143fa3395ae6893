import Domain
import Formats
import Foundation
import Postgres
import TestSupport
import Testing

/// What clients of the published contract rely on: words that they can decode, and answers that say what was meant.
@Suite(.timeLimit(.minutes(4))) struct ContractTests {
    @Test func `failure types are published words, and finer ones stand beside them`() async throws {
        try await LiveServer.run { server in
            let created = try await server.call("POST", "/v1/batches", LiveServer.batch(4))
            let batchID = try #require(created.string("batch_id"))
            #expect(try await server.call("POST", "/v1/batches/\(batchID)/cancel").status == 200)
            let path = "/v1/batches/\(batchID)/items?status=failed"
            let cancelled = try await server.call("GET", path).array("items")
            #expect(cancelled.count == 4)
            #expect(cancelled.allSatisfy { $0["failure_type"] == .null && $0["reason"] == "cancelled" })

            // A batch of the application's own: it has no tasks of the engine, and writes what it likes.
            let foreign = UUID().uuidString.lowercased()
            let connection = try await Connection.open(server.settings)
            try await connection.transaction { session in
                try session.execute(
                    """
                    INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, frozen_credits,
                        credits_spent, settlement_status)
                    VALUES ($1, $2, 'failed', 4, 10, 0, 0, 'finalized')
                    """, [.uuid(foreign), .uuid(server.userID)])
                try session.execute(
                    """
                    INSERT INTO public.video_tasks (id, user_id, batch_job_id, batch_index, model, prompt, status,
                        failure_type, failure_reason)
                    SELECT gen_random_uuid(), $2, $1, n, 'sora-2', 'p', 'failed',
                        (ARRAY['network', 'quota', NULL, 'timeout'])[n + 1],
                        (ARRAY['output_moderation', NULL, NULL, NULL])[n + 1]
                    FROM generate_series(0, 3) AS n
                    """, [.uuid(foreign), .uuid(server.userID)])
            }
            await connection.close()
            let items = try await server.call("GET", "/v1/batches/\(foreign)/items").array("items")
            #expect(items.map { $0["failure_type"] } == ["network", "unknown", "unknown", "timeout"])
            #expect(items.map { $0["reason"] } == ["output_moderation", "quota", .null, .null])
        }
    }

    @Test func `ledger types are published words, whatever moved the credit`() async throws {
        try await LiveServer.run(purchased: 1000, bonus: 100) { server in
            let created = try await server.call("POST", "/v1/batches", LiveServer.batch(1))
            let batchID = try #require(created.string("batch_id"))
            #expect(try await server.call("POST", "/v1/batches/\(batchID)/cancel").status == 200)
            let connection = try await Connection.open(server.settings)
            try await connection.transaction { session in
                for (type, reference, credits) in [
                    ("adjust", "bonus_expiry", -7), ("adjust", "adjustment", 5), ("adjust", "adjustment", -3),
                    ("spend", "video_task", -10), ("spend", "bonus_credits", -2),
                ] {
                    try session.execute(
                        """
                        INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id)
                        VALUES ($1, $2, $3::integer, $4, gen_random_uuid()::text)
                        """, [.uuid(server.userID), .text(type), .int(Int64(credits)), .text(reference)])
                }
            }
            await connection.close()
            let entries = try await server.call("GET", "/v1/credits/ledger").array("entries")
            let published: Set<JSON> = ["reserve", "settle", "refund", "purchase", "bonus"]
            #expect(entries.allSatisfy { published.contains($0["type"] ?? .null) })
            let seen = entries.map { entry -> [JSON?] in [entry["type"], entry["reason"], entry["delta"]] }
            for expected: [JSON?] in [
                ["bonus", "expired", -7], ["purchase", "adjusted", 5], ["refund", "adjusted", -3],
                ["settle", "single_video", -10], ["settle", "single_video", -2], ["bonus", .null, 100],
                ["purchase", .null, 1000], ["reserve", .null, -10], ["refund", .null, 10],
            ] { #expect(seen.contains(expected), "\(expected) is not in \(seen)") }
            // The single videos move the balance: 1,100, and all that was added and taken since.
            #expect(entries.first?["balance_after"] == 1083)
            #expect(try await server.call("GET", "/v1/credits/ledger?type=bonus").int("total") == 2)
            #expect(try await server.call("GET", "/v1/credits/ledger?type=expired").status == 400)
        }
    }

    @Test func `members that nobody knows are named, and change nothing`() async throws {
        try await LiveServer.run { server in
            let body =
                #"{"request_id":"r","item":1,"items":[{"prompt":"a"},{"prompt":"b","modle":"veo-pro","a/b~c":1}]}"#
            let answer = try await server.call("POST", "/v1/batches", body)
            #expect(answer.status == 200 && answer.int("required_credits") == 20)
            let warnings = answer.array("warnings")
            #expect(warnings.map { $0["pointer"] } == ["/item", "/items/1/modle", "/items/1/a~1b~0c"])
            #expect(warnings.map { $0["field"] } == ["item", "items[1].modle", "items[1].a/b~c"])
            #expect(warnings.last?["detail"] == "items[1].a/b~c is not known here, and was passed over.")
            let replay = try await server.call("POST", "/v1/batches", body)
            #expect(replay.body["idempotent_replay"] == true && replay.array("warnings") == warnings)
            let clean = try await server.call("POST", "/v1/batches", LiveServer.batch(2))
            #expect(clean.body["warnings"] == nil)
            let items = Array(repeating: #"{"prompt":"a","x":1}"#, count: 50).joined(separator: ",")
            let many = try await server.call("POST", "/v1/batches", "{\"items\":[\(items)]}")
            #expect(many.array("warnings").count == Limits.problemsShown)
        }
    }

    @Test func `what is empty counts as left out`() async throws {
        try await LiveServer.run { server in
            let body = #"{"request_id":"","webhook_url":"","items":[{"prompt":"a"}]}"#
            let first = try await server.call("POST", "/v1/batches", body)
            let second = try await server.call("POST", "/v1/batches", body)
            #expect(first.status == 200 && second.status == 200, "\(first.text)")
            #expect(first.string("request_id")?.isEmpty == false)
            #expect(first.string("batch_id") != second.string("batch_id"))
            #expect(try await server.count("SELECT count(*) FROM public.batch_jobs WHERE webhook_url IS NOT NULL") == 0)
            let fromHeader = try await server.call(
                "POST", "/v1/batches", body, headers: ["x-request-id": "header"])
            #expect(fromHeader.string("request_id") == "header")
        }
    }

    @Test func `a wrong method on a path that is known is told the right ones`() async throws {
        try await LiveServer.run { server in
            let batchID = UUID().uuidString.lowercased()
            for (method, path, allowed) in [
                ("DELETE", "/v1/batches", "GET, POST, HEAD"), ("PUT", "/v1/batches", "GET, POST, HEAD"),
                ("PATCH", "/batches", "GET, POST, HEAD"),
                ("DELETE", "/api/v1/batches/\(batchID)", "GET, PATCH, HEAD"),
                ("POST", "/v1/batches/\(batchID)/items", "GET, HEAD"),
                ("GET", "/v1/batches/\(batchID)/cancel", "POST"), ("POST", "/v1/credits/balance", "GET, HEAD"),
                ("OPTIONS", "/v1/credits/ledger", "GET, HEAD"), ("POST", "/healthz", "GET, HEAD"),
                ("DELETE", "/readyz", "GET, HEAD"), ("GET", "/callbacks/\(batchID)/00", "POST"),
            ] {
                let answer = try await server.call(method, path)
                #expect(answer.status == 405 && answer.error == "METHOD_NOT_ALLOWED", "\(method) \(path)")
                #expect(answer.headers["allow"] == allowed, "\(method) \(path): \(answer.headers)")
            }
            #expect(try await server.call("DELETE", "/v1/nothing").status == 404)
        }
    }
}
