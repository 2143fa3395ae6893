import Domain
import Formats
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(4))) struct WireTests {
    private func names(_ value: JSON?) -> [String] {
        if case .object(let members)? = value { members.map(\.name) } else { [] }
    }

    @Test func `every call answers with exactly the members of the contract`() async throws {
        try await LiveServer.run(purchased: 1000, bonus: 50) { server in
            let body = """
                {"request_id": "order-1", "items": [
                    {"prompt": "one", "metadata": {"b": 1.50, "a": "x/y"}},
                    {"prompt": "two", "model": "veo-pro", "aspect_ratio": "9:16", "duration": 15}]}
                """
            let created = try await server.call("POST", "/v1/batches", body)
            #expect(created.status == 200, "\(created.text)")
            #expect(created.headers["content-type"] == "application/json")
            #expect(
                names(created.body) == [
                    "ok", "batch_id", "request_id", "status", "total_count", "cost_per_video", "required_credits",
                    "available_credits", "idempotent_replay",
                ])
            #expect(created.int("cost_per_video") == 250 && created.int("required_credits") == 260)
            #expect(created.int("available_credits") == 790 && created.string("status") == "pending")
            #expect(created.body["idempotent_replay"] == false && created.body["ok"] == true)
            let batchID = try #require(created.string("batch_id"))

            let batch = try await server.call("GET", "/api/v1/batches/\(batchID)")
            #expect(
                names(batch.body) == [
                    "ok", "batch_id", "request_id", "status", "total_count", "succeeded_count", "failed_count",
                    "counts", "cost_per_video", "credits_reserved", "credits_settled", "credits_refunded", "created_at",
                    "completed_at",
                ])
            #expect(batch.int("credits_reserved") == 260 && batch.body["completed_at"] == .null)
            #expect(batch.string("created_at").flatMap { Instant($0) } != nil)

            let items = try await server.call("GET", "/v1/batches/\(batchID)/items?status=pending&limit=500")
            #expect(names(items.body) == ["ok", "items", "total", "limit", "offset", "next_cursor"])
            #expect(items.int("total") == 2 && items.int("limit") == 100 && items.int("offset") == 0)
            #expect(
                names(items.array("items").first) == [
                    "item_id", "index", "custom_id", "status", "prompt", "model", "video_url", "thumbnail_url", "error",
                    "failure_type", "reason", "metadata", "created_at", "completed_at",
                ])
            #expect(items.text.contains(#""metadata":{"b":1.50,"a":"x/y"}"#), "\(items.text)")
            #expect(try await server.call("GET", "/v1/batches/\(batchID)/items?status=failed").int("total") == 0)

            let balance = try await server.call("GET", "/v1/credits/balance")
            #expect(balance.text == #"{"ok":true,"available":790,"reserved":260,"total":1050}"#)

            let ledger = try await server.call("GET", "/v1/credits/ledger?batch_id=\(batchID)&type=reserve")
            #expect(names(ledger.body) == ["ok", "entries", "total", "limit", "offset", "next_cursor"])
            #expect(
                names(ledger.array("entries").first) == [
                    "id", "type", "reason", "delta", "balance_after", "batch_id", "item_id", "description",
                    "created_at",
                ])
            let all = try await server.call("GET", "/v1/credits/ledger?limit=1000")
            #expect(all.int("limit") == 200 && all.array("entries").first?["balance_after"] == 790)
            for filter in ["from=2026-01-01", "to=2999-01-01T00:00:00%2B02:00", "from=2026-01-01T00:00:00Z"] {
                #expect(try await server.call("GET", "/v1/credits/ledger?\(filter)").int("total") == all.int("total"))
            }
            #expect(try await server.call("GET", "/v1/credits/ledger?to=2020-01-01").int("total") == 0)

            let cancelled = try await server.call("POST", "/v1/batches/\(batchID)/cancel")
            #expect(
                cancelled.text
                    == "{\"ok\":true,\"batch_id\":\"\(batchID)\",\"status\":\"cancelled\",\"credits_refunded\":260}")
            let after = try await server.call("GET", "/v1/batches/\(batchID)")
            #expect(after.string("status") == "cancelled" && after.int("failed_count") == 2)
            #expect(try await server.call("GET", "/v1/credits/balance").int("available") == 1050)
        }
    }

    @Test func `a key is taken from either header, and the request log has every accepted batch`() async throws {
        try await LiveServer.run { server in
            let bearer = ["x-api-key": "", "authorization": "Bearer \(server.key)"]
            for _ in 0..<2 {
                let answer = try await server.call(
                    "POST", "/v1/batches", LiveServer.batch(1, requestID: "r"), headers: bearer)
                #expect(answer.status == 200, "\(answer.text)")
            }
            let refused = try await server.call("POST", "/v1/batches", LiveServer.batch(2, requestID: "r"))
            #expect(refused.status == 409)
            let rows = try await server.count(
                """
                SELECT count(*) FROM public.enterprise_api_usage AS u
                JOIN public.enterprise_api_keys AS k ON k.id = u.api_key_id AND k.user_id = u.user_id
                WHERE u.request_id = 'r' AND u.endpoint = '/v1/batches' AND u.batch_job_id IS NOT NULL
                    AND u.ip = '127.0.0.1' AND u.minute_bucket = date_trunc('minute', u.created_at)
                """)
            #expect(rows == 2)
        }
    }

    @Test
    func `a request with its numbers written otherwise is the same request, and they come back as they were sent`()
        async throws
    {
        try await LiveServer.run { server in
            func body(_ number: String) -> String {
                "{\"request_id\": \"n\", \"items\": [{\"prompt\": \"a\", \"metadata\": {\"n\": \(number)}}]}"
            }
            let created = try await server.call("POST", "/v1/batches", body("1.0"))
            #expect(created.status == 200 && created.body["idempotent_replay"] == false, "\(created.text)")
            for same in ["1.0", "1", "1e0", "10e-1", "1.00000000000000000000"] {
                let again = try await server.call("POST", "/v1/batches", body(same))
                #expect(again.status == 200 && again.body["idempotent_replay"] == true, "\(same): \(again.text)")
                #expect(again.string("batch_id") == created.string("batch_id"))
            }
            for other in ["2", "-1", "1.00000000000000000001", "1e1", "\"1\""] {
                #expect(try await server.call("POST", "/v1/batches", body(other)).status == 409, "\(other)")
            }
            let batchID = try #require(created.string("batch_id"))
            let items = try await server.call("GET", "/v1/batches/\(batchID)/items")
            #expect(items.text.contains(#""metadata":{"n":1.0}"#), "\(items.text)")
        }
    }

    @Test func `the server says whether it answers and whether it can work, and stops when asked`() async throws {
        try await LiveServer.run { server in
            let health = try await server.call("GET", "/healthz", headers: ["x-api-key": ""])
            #expect(health.status == 200 && health.text == #"{"ok":true}"#)
            #expect(try await server.call("GET", "/readyz", headers: ["x-api-key": ""]).status == 200)
            _ = try await server.call("GET", "/v1/credits/balance")
            #expect(await server.program.stop() == 0)
            let log = server.program.errors
            #expect(log.contains("Request answered") && log.contains("http.route=/v1/credits/balance"), "\(log)")
            #expect(log.contains("user.id=\(server.userID)") && !log.contains(server.key))
        }
    }

    @Test func `a database without the engine is not served`() async throws {
        try await withDatabase { settings in
            let run = try await ProgramRun(
                ["serve", "--port", "0", "--database", Deployment.conninfo(settings)], program: LiveServer.daybookd,
                killAfter: nil)
            #expect(run.exitCode == 78 && run.errors.contains("daybook database migrate"), "\(run.errors)")
            #expect(run.output.isEmpty)
        }
    }
}
