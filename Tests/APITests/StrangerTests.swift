import BatchEngine
import Domain
import Formats
import Foundation
import Postgres
import TestSupport
import Testing

/// What callers without a key of ours can do, and what it costs.
@Suite(.serialized, .timeLimit(.minutes(4))) struct StrangerTests {
    /// Transactions that a database has seen, those of the programs that have ended for certain.
    private func transactions(_ server: LiveServer) async throws -> Int64 {
        try await server.count(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
    }

    private func time(_ work: () async throws -> Void) async throws -> Duration {
        let begin = ContinuousClock.now
        try await work()
        return ContinuousClock.now - begin
    }

    @Test func `who shows wrong keys waits, and a paying client at the same address does not`() async throws {
        try await LiveServer.run(keyOptions: ["--rate-limit", "10000"]) { server in
            #expect(try await server.call("GET", "/v1/credits/balance").status == 200)
            let wrong = try await time { () async throws in
                for _ in 0..<12 {
                    let answer = try await server.call(
                        "GET", "/v1/credits/balance", headers: ["x-api-key": APIKey().text])
                    #expect(answer.status == 403 && answer.error == "INVALID_API_KEY")
                }
            }
            #expect(wrong > .seconds(4), "\(wrong)")
            let guessing = Task {
                for _ in 0..<3 {
                    _ = try await server.call("GET", "/v1/credits/balance", headers: ["x-api-key": APIKey().text])
                }
            }
            let right = try await time { () async throws in
                for _ in 0..<10 { #expect(try await server.call("GET", "/v1/credits/balance").status == 200) }
            }
            #expect(right < .seconds(5), "\(right)")
            // A key that nobody has shown yet waits like a wrong one, and is let in.
            let fresh = try await ProgramRun.expectingSuccess(
                [
                    "keys", "create", "--user", server.userID, "--name", "fresh", "--database",
                    Deployment.conninfo(server.settings),
                ], program: LiveServer.daybookd
            ).trimmingCharacters(in: .whitespacesAndNewlines)
            let first = try await time { () async throws in
                let answer = try await server.call("GET", "/v1/credits/balance", headers: ["x-api-key": fresh])
                #expect(answer.status == 200)
            }
            #expect(first < .seconds(10), "\(first)")
            try await guessing.value
        }
    }

    @Test func `a thousand looks at readyz cost the database a few questions`() async throws {
        try await LiveServer.run { server in
            #expect(try await server.call("GET", "/readyz").status == 200)
            for _ in 0..<500 { _ = try await server.call("GET", "/readyz", headers: ["x-api-key": ""]) }
            await server.program.stop()
            let after = try await transactions(server)
            #expect(after < 250, "\(after) transactions")
        }
    }

    @Test func `forged callbacks cost no question each, and a genuine one is heard among them`() async throws {
        try await LiveServer.run { server in
            #expect(try await server.call("POST", "/v1/batches", LiveServer.batch(2)).status == 200)
            let connection = try await Connection.open(server.settings)
            let submissions = try await connection.transaction { session in
                let worker = try WorkQueue(session).register(host: "test", processID: 1)
                return try WorkQueue(session).claim(worker, model: .sora2, limit: 2, chunk: 2)
            }
            await connection.close()
            let customer = server.userID
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<600 {
                    let nonce = Hexadecimal.text((0..<16).map { _ in UInt8.random(in: 0...255) })
                    let body = "{\"id\":\"forged-\(number)\",\"status\":\"running\",\"progress\":1}"
                    group.addTask {
                        let answer = try await server.call(
                            "POST", "/callbacks/\(customer)/\(nonce)", body, headers: ["x-api-key": ""])
                        #expect(answer.status == 200 && answer.text == #"{"ok":true}"#)
                    }
                }
                for submission in submissions {
                    let path = "/callbacks/\(submission.userID)/\(Hexadecimal.text(submission.nonce))"
                    let body = "{\"id\":\"genuine-\(submission.taskID)\",\"status\":\"running\",\"progress\":1}"
                    group.addTask {
                        for _ in 0..<50 { _ = try await server.call("POST", path, body, headers: ["x-api-key": ""]) }
                    }
                }
                try await group.waitForAll()
            }
            // A hint is kept, and nothing is bound before the provider was asked.
            #expect(try await server.count("SELECT count(*) FROM daybook.task WHERE state = 'intent'") == 2)
            let kept = try await server.count(
                "SELECT count(*) FROM daybook.provider_hint WHERE provider_task_id LIKE 'genuine-%'")
            let all = try await server.count("SELECT count(*) FROM daybook.provider_hint")
            #expect(kept == 2 && all == 2)
            await server.program.stop()
            let after = try await transactions(server)
            #expect(after < 350, "\(after) transactions")
        }
    }

    @Test func `calls without a key are counted by their address, and nobody else's are`() async throws {
        try await LiveServer.run(
            keyOptions: ["--rate-limit", "10000"], serveOptions: ["--keyless-per-minute", "20"]
        ) { server in
            var statuses: [Int: Int] = [:]
            for number in 0..<40 {
                let path = number.isMultiple(of: 2) ? "/v1/credits/balance" : "/nothing"
                let answer = try await server.call("GET", path, headers: ["x-api-key": ""])
                statuses[answer.status, default: 0] += 1
                if answer.status == 429 {
                    #expect(answer.error == "RATE_LIMIT_EXCEEDED")
                    #expect(answer.headers["retry-after"].flatMap { Int($0) }.map { (1...60).contains($0) } == true)
                }
                #expect(try await server.call("GET", "/healthz", headers: ["x-api-key": ""]).status == 200)
                #expect(try await server.call("GET", "/readyz", headers: ["x-api-key": ""]).status == 200)
                #expect(try await server.call("GET", "/v1/credits/balance").status == 200)
            }
            #expect((10...25).contains(statuses[429] ?? 0), "\(statuses)")
        }
    }
}
