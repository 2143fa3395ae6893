import Domain
import Formats
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(4))) struct RefusalTests {
    @Test func `every refusal is JSON with its code, its status and the members of RFC 9457`() async throws {
        try await LiveServer.run(purchased: 15) { server in
            let none = ["x-api-key": ""]
            let batchID = UUID().uuidString.lowercased()
            let good = LiveServer.batch(1)
            let cases: [(String, String, String?, [String: String], Int, String)] = [
                ("POST", "/v1/batches", good, none, 401, "MISSING_API_KEY"),
                (
                    "GET", "/v1/credits/balance", nil, ["x-api-key": "", "authorization": "Basic x"], 401,
                    "MISSING_API_KEY"
                ),
                ("GET", "/v1/credits/balance", nil, ["x-api-key": "dbk_live_x"], 403, "INVALID_API_KEY"),
                ("GET", "/v1/batches/\(batchID)", nil, [:], 404, "BATCH_NOT_FOUND"),
                ("GET", "/v1/batches/1", nil, [:], 404, "BATCH_NOT_FOUND"),
                ("GET", "/v1/batches/\(batchID)/items", nil, [:], 404, "BATCH_NOT_FOUND"),
                ("POST", "/v1/batches/\(batchID)/cancel", nil, [:], 404, "BATCH_NOT_FOUND"),
                ("GET", "/v2/batches", nil, [:], 404, "NOT_FOUND"),
                ("DELETE", "/v1/batches/\(batchID)", nil, [:], 405, "METHOD_NOT_ALLOWED"),
                ("POST", "/v1/batches", LiveServer.batch(2), [:], 402, "INSUFFICIENT_CREDITS"),
                ("POST", "/v1/batches", "{", [:], 400, "INVALID_JSON"),
                ("POST", "/v1/batches", nil, [:], 400, "INVALID_JSON"),
                ("POST", "/v1/batches", "[]", [:], 400, "INVALID_REQUEST"),
                ("GET", "/v1/credits/ledger?limit=0", nil, [:], 400, "INVALID_REQUEST"),
                ("GET", "/v1/credits/ledger?limit=x", nil, [:], 400, "INVALID_REQUEST"),
                ("GET", "/v1/credits/ledger?offset=-1", nil, [:], 400, "INVALID_REQUEST"),
                ("GET", "/v1/credits/ledger?type=spend", nil, [:], 400, "INVALID_REQUEST"),
                ("GET", "/v1/credits/ledger?from=yesterday", nil, [:], 400, "INVALID_REQUEST"),
                ("GET", "/v1/credits/ledger?batch_id=7", nil, [:], 400, "INVALID_REQUEST"),
            ]
            for (method, path, body, headers, status, code) in cases {
                let answer = try await server.call(method, path, body, headers: headers)
                #expect(answer.status == status && answer.error == code, "\(method) \(path): \(answer.text)")
                #expect(answer.headers["content-type"] == "application/json")
                #expect(answer.body["ok"] == false && answer.body["status"] == .integer(status))
                guard case .object? = answer.body["details"] else {
                    Issue.record("\(method) \(path) has no details: \(answer.text)")
                    continue
                }
                #expect(
                    answer.string("message")?.isEmpty == false && answer.string("message") == answer.string("detail"))
                #expect(answer.string("type") == "about:blank" && answer.string("title") != nil)
            }
            let asked = try await server.call(
                "POST", "/v1/batches", "[]", headers: ["accept": "application/problem+json"])
            #expect(asked.headers["content-type"] == "application/problem+json" && asked.status == 400)
            #expect(try await server.count("SELECT count(*) FROM public.batch_jobs") == 0)
            #expect(try await server.count("SELECT count(*) FROM public.enterprise_api_usage") == 0)
        }
    }

    @Test func `what is wrong is named by its place, and what is missing by its credits`() async throws {
        try await LiveServer.run(purchased: 15) { server in
            let invalid = try await server.call(
                "POST", "/v1/batches", #"{"items":[{"prompt":"a"},{"prompt":"b"},{"prompt":"c"},{"prompt":7}]}"#)
            #expect(invalid.string("message") == "items[3].prompt must be a string, not a number.")
            #expect(invalid.array("errors").first?["pointer"] == "/items/3/prompt")
            #expect(invalid.body["details"]?["errors"] == invalid.body["errors"])
            let poor = try await server.call("POST", "/v1/batches", LiveServer.batch(2, requestID: "r"))
            #expect(poor.int("required") == 20 && poor.int("available") == 15)
            #expect(
                poor.body["details"]
                    == ["required": 20, "available": 15, "required_credits": 20, "available_credits": 15])
            // A refusal stores nothing: the request_id is free.
            let rich = try await server.call("POST", "/v1/batches", LiveServer.batch(1, requestID: "r"))
            #expect(rich.status == 200 && rich.body["idempotent_replay"] == false)
            let batchID = try #require(rich.string("batch_id"))
            #expect(try await server.call("POST", "/v1/batches/\(batchID)/cancel").status == 200)
        }
    }

    @Test func `hostile bodies are refused or kept as they are`() async throws {
        try await LiveServer.run { server in
            let prompt = #"'; DROP TABLE users; -- \u0022 \\ </script> ${x} \ud83d\ude00 \u202e"#
            let answer = try await server.call("POST", "/v1/batches", "{\"items\":[{\"prompt\":\"\(prompt)\"}]}")
            let batchID = try #require(answer.string("batch_id"))
            let items = try await server.call("GET", "/v1/batches/\(batchID)/items")
            #expect(items.array("items")[0]["prompt"] == "'; DROP TABLE users; -- \" \\ </script> ${x} 😀 \u{202E}")
            for body in [
                "{\"items\":[{\"prompt\":\"\\u0000\"}]}", "{\"items\":[{\"prompt\":\"\\ud800\"}]}",
                "{\"items\":[],\"items\":[{\"prompt\":\"a\"}]}", String(repeating: "[", count: 200_000),
                "{\"items\":[{\"prompt\":\"a\",\"metadata\":" + String(repeating: "{\"a\":", count: 100) + "1"
                    + String(repeating: "}", count: 100) + "}]}", "\u{FEFF}{}", "null", "\"items\"",
                "items=1", "--x\r\n",
            ] {
                let refused = try await server.call("POST", "/v1/batches", body)
                #expect(
                    refused.status == 400, "\(body.prefix(60)): \(refused.text)")
            }
            for path in [
                "/v1/batches/%00", "/v1/batches/..%2f..%2fetc", "/v1/batches/\(batchID)/items?status=%27%3B--",
            ] {
                let refused = try await server.call("GET", path)
                #expect([400, 404].contains(refused.status), "\(path): \(refused.text)")
            }
            let number = #"{"n":1e999999999,"m":-0.0}"#
            let odd = try await server.call(
                "POST", "/v1/batches", "{\"items\":[{\"prompt\":\"a\",\"metadata\":\(number)}]}")
            let oddID = try #require(odd.string("batch_id"))
            #expect(try await server.call("GET", "/v1/batches/\(oddID)/items").text.contains("\"metadata\":\(number)"))
            #expect(try await server.call("GET", "/v1/credits/balance").status == 200)
        }
    }

    @Test func `a body beyond the bound is refused before it is read`() async throws {
        try await LiveServer.run { server in
            let huge = String(repeating: " ", count: Limits.requestBodyBytes + 1)
            let answer = try await server.call("POST", "/v1/batches", huge)
            #expect(answer.status == 413 && answer.error == "PAYLOAD_TOO_LARGE")
            let fitting = String(repeating: " ", count: Limits.requestBodyBytes - 100) + LiveServer.batch(1)
            #expect(try await server.call("POST", "/v1/batches", fitting).status == 200)
        }
    }

    @Test func `customers do not see each other`() async throws {
        try await LiveServer.run { server in
            let answer = try await server.call("POST", "/v1/batches", LiveServer.batch(1, requestID: "r"))
            let batchID = try #require(answer.string("batch_id"))
            let strangerID = try await TestCustomer.create(in: server.settings, purchased: 1000)
            let key = try await ProgramRun.expectingSuccess(
                [
                    "keys", "create", "--user", strangerID, "--name", "s", "--database",
                    Deployment.conninfo(server.settings),
                ],
                program: LiveServer.daybookd
            ).trimmingCharacters(in: .whitespacesAndNewlines)
            let stranger = ["x-api-key": key]
            for path in ["/v1/batches/\(batchID)", "/v1/batches/\(batchID)/items"] {
                #expect(try await server.call("GET", path, headers: stranger).status == 404)
            }
            #expect(try await server.call("POST", "/v1/batches/\(batchID)/cancel", headers: stranger).status == 404)
            #expect(
                try await server.call("GET", "/v1/credits/ledger?batch_id=\(batchID)", headers: stranger).int("total")
                    == 0)
            let own = try await server.call(
                "POST", "/v1/batches", LiveServer.batch(1, requestID: "r"), headers: stranger)
            #expect(own.status == 200 && own.string("batch_id") != batchID)
        }
    }
}
