import Domain
import TestSupport
import Testing

/// The service on a database in which somebody planted functions and operators under every name that our SQL uses.
@Suite(.timeLimit(.minutes(2))) struct PlantedTests {
    @Test func `no call of the API and no command for keys calls anything that was planted`() async throws {
        try await LiveServer.run(planted: true) { server in
            let made = try await server.call("POST", "/v1/batches", LiveServer.batch(3, requestID: "one"))
            let batchID = try #require(made.string("batch_id"), "\(made.text)")
            let again = try await server.call("POST", "/v1/batches", LiveServer.batch(3, requestID: "one"))
            #expect(again.body["idempotent_replay"] == true, "\(again.text)")
            for path in [
                "batches/\(batchID)", "batches/\(batchID)/items?status=pending", "credits/balance",
                "credits/ledger?batch_id=\(batchID)&type=reserve", "credits/ledger",
            ] {
                let answer = try await server.call("GET", "/v1/\(path)")
                #expect(answer.status == 200, "\(path): \(answer.text)")
            }
            #expect(try await server.call("POST", "/v1/batches/\(batchID)/cancel").status == 200)
            #expect(try await server.call("GET", "/readyz").status == 200)
            let wrong = try await server.call("GET", "/v1/credits/balance", headers: ["x-api-key": "dbk_live_nobody"])
            #expect(wrong.status == 403, "\(wrong.text)")
            let database = ["--database", Deployment.conninfo(server.settings)]
            let keys = try await ProgramRun(["keys", "list"] + database, program: LiveServer.daybookd)
            #expect(keys.exitCode == 0, "\(keys.errors)")
            let prefix = String(server.key.prefix(15))
            let revoked = try await ProgramRun(["keys", "revoke", prefix] + database, program: LiveServer.daybookd)
            #expect(revoked.exitCode == 0, "\(revoked.errors)")
            #expect(try PlantedNames.called(in: server.settings).isEmpty)
        }
    }
}
