import Domain
import Formats
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(4))) struct LimitTests {
    @Test func `two hundred requests at once with one request_id make one batch`() async throws {
        try await LiveServer.run(keyOptions: ["--rate-limit", "100000"]) { server in
            let body = LiveServer.batch(10, requestID: "same")
            let answers = try await withThrowingTaskGroup(of: LiveServer.Answer.self) { group in
                for _ in 0..<200 { group.addTask { try await server.call("POST", "/v1/batches", body) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.status == 200 })
            #expect(Set(answers.compactMap { $0.string("batch_id") }).count == 1)
            #expect(answers.filter { $0.body["idempotent_replay"] == false }.count == 1)
            #expect(try await server.count("SELECT count(*) FROM public.video_tasks") == 10)
            #expect(try await server.count("SELECT count(*) FROM public.credit_ledger WHERE type = 'spend'") == 1)
        }
    }

    @Test func `a request_id comes from the body, then Idempotency-Key, then x-request-id`() async throws {
        try await LiveServer.run { server in
            let both = ["idempotency-key": "key", "x-request-id": "id"]
            let first = try await server.call(
                "POST", "/v1/batches", LiveServer.batch(1, requestID: "body"), headers: both)
            #expect(first.string("request_id") == "body")
            let second = try await server.call("POST", "/v1/batches", LiveServer.batch(1), headers: both)
            #expect(second.string("request_id") == "key")
            let third = try await server.call(
                "POST", "/v1/batches", LiveServer.batch(1), headers: ["x-request-id": "id"])
            #expect(third.string("request_id") == "id")
            let replay = try await server.call("POST", "/v1/batches", LiveServer.batch(1, requestID: "key"))
            #expect(replay.body["idempotent_replay"] == true && replay.string("batch_id") == second.string("batch_id"))
            let conflict = try await server.call(
                "POST", "/v1/batches", LiveServer.batch(1, requestID: "id", prompt: "b"))
            #expect(conflict.status == 409 && conflict.error == "IDEMPOTENCY_CONFLICT")
            let without = try await server.call("POST", "/v1/batches", LiveServer.batch(1))
            let again = try await server.call("POST", "/v1/batches", LiveServer.batch(1))
            let given = try #require(without.string("request_id"))
            #expect(!given.isEmpty && without.string("batch_id") != again.string("batch_id"))
            #expect(again.string("request_id") != given)
            // The name that the server gave works like the caller's own, in a body and in a header.
            let repeated = try await server.call(
                "POST", "/v1/batches", LiveServer.batch(1), headers: ["idempotency-key": given])
            #expect(repeated.body["idempotent_replay"] == true)
            #expect(repeated.string("batch_id") == without.string("batch_id"))
            let long = try await server.call(
                "POST", "/v1/batches", LiveServer.batch(1),
                headers: ["idempotency-key": String(repeating: "x", count: 129)])
            #expect(long.status == 400)
        }
    }

    @Test func `the limit of a key shows in headers and ends in 429`() async throws {
        try await LiveServer.run(keyOptions: ["--rate-limit", "5"]) { server in
            var statuses: [Int] = []
            for number in 0..<5 {
                let answer = try await server.call("GET", "/v1/credits/balance")
                statuses.append(answer.status)
                #expect(answer.headers["ratelimit-policy"] == "\"key\";q=5;w=60")
                let rate = answer.headers["ratelimit"] ?? ""
                #expect(rate.hasPrefix("\"key\";r=\(4 - number);t="), "\(rate)")
            }
            #expect(statuses == [200, 200, 200, 200, 200])
            let refused = try await server.call("POST", "/v1/batches", LiveServer.batch(1))
            #expect(refused.status == 429 && refused.error == "RATE_LIMIT_EXCEEDED")
            let seconds = try #require(refused.headers["retry-after"].flatMap { Int($0) })
            #expect((1...12).contains(seconds))
            #expect(try await server.call("GET", "/healthz").status == 200)
        }
    }

    @Test func `a pilot key is limited to its items`() async throws {
        try await LiveServer.run(keyOptions: ["--items-limit", "50"]) { server in
            let refused = try await server.call("POST", "/v1/batches", LiveServer.batch(51))
            #expect(refused.status == 400)
            #expect(refused.string("message") == "items must have 1 to 50 elements, not 51.")
            #expect(try await server.call("POST", "/v1/batches", LiveServer.batch(50)).status == 200)
        }
    }

    @Test func `a key that was revoked is refused at once`() async throws {
        try await LiveServer.run { server in
            let database = ["--database", Deployment.conninfo(server.settings)]
            let list = try await ProgramRun.expectingSuccess(["keys", "list"] + database, program: LiveServer.daybookd)
            #expect(list.contains("tests") && !list.contains(server.key))
            let start = String(server.key.prefix(15))
            let revoked = try await ProgramRun.expectingSuccess(
                ["keys", "revoke", start] + database, program: LiveServer.daybookd)
            #expect(revoked == "revoked\n")
            let answer = try await server.call("GET", "/v1/credits/balance")
            #expect(answer.status == 403 && answer.error == "INVALID_API_KEY")
        }
    }

    @Test func `ten thousand items come through the door in one request`() async throws {
        try await LiveServer.run { server in
            let answer = try await server.call("POST", "/v1/batches", LiveServer.batch(10_000, requestID: "large"))
            #expect(answer.status == 200 && answer.int("total_count") == 10_000 && answer.int("available_credits") == 0)
            let batchID = try #require(answer.string("batch_id"))
            let last = try await server.call("GET", "/v1/batches/\(batchID)/items?offset=9999&limit=10")
            #expect(last.array("items").count == 1 && last.array("items").first?["index"] == 9999)
            #expect(try await server.call("POST", "/v1/batches/\(batchID)/cancel").int("credits_refunded") == 100_000)
        }
    }
}
