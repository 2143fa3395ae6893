import Domain
import Formats
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(4))) struct DeploymentTests {
    @Test func `a deployment's keys, batches and request_ids go on working`() async throws {
        try await withSample { settings in
            try await ProgramRun.expectingSuccess(
                ["database", "migrate", "--engine", "--database", Deployment.conninfo(settings)])
            let connection = try await Connection.open(settings)
            let row = try await connection.run { session in
                try session.query(
                    """
                    SELECT k.user_id, k.api_key, b.id, b.request_id, b.frozen_credits::bigint AS frozen,
                        b.credits_spent::bigint AS spent, b.total_count::bigint AS total
                    FROM enterprise_api_keys AS k
                    JOIN batch_jobs AS b ON b.user_id = k.user_id
                    JOIN credit_wallet AS w ON w.user_id = k.user_id
                    WHERE k.is_active AND b.status = 'partial' AND w.permanent_credits >= 100
                    ORDER BY b.created_at, b.id LIMIT 1
                    """)[0]
            }
            await connection.close()
            let requestID = try row.text("request_id")
            let batchID = try row.uuid("id")
            try await LiveServer.run(on: settings, userID: try row.uuid("user_id"), key: try row.text("api_key")) {
                server in
                let batches = try await server.count("SELECT count(*) FROM batch_jobs")
                let replay = try await server.call("POST", "/v1/batches", LiveServer.batch(2, requestID: requestID))
                #expect(replay.status == 200 && replay.string("batch_id") == batchID, "\(replay.text)")
                #expect(replay.body["idempotent_replay"] == true)
                #expect(try await server.count("SELECT count(*) FROM batch_jobs") == batches)

                let old = try await server.call("GET", "/v1/batches/\(batchID)")
                #expect(old.string("status") == "partial")
                #expect(old.int("credits_reserved") == (try row.int("frozen")))
                #expect(old.int("credits_settled") == (try row.int("spent")))
                let items = try await server.call("GET", "/v1/batches/\(batchID)/items")
                #expect(items.int("total") == (try row.int("total")))
                let cancel = try await server.call("POST", "/v1/batches/\(batchID)/cancel")
                #expect(cancel.status == 400 && cancel.error == "BATCH_NOT_CANCELLABLE")
                #expect(try await server.call("GET", "/v1/credits/ledger?limit=5").array("entries").count == 5)

                let before = try await server.call("GET", "/v1/credits/balance")
                let new = try await server.call("POST", "/v1/batches", LiveServer.batch(3, requestID: "new"))
                #expect(new.status == 200 && new.body["idempotent_replay"] == false, "\(new.text)")
                let again = try await server.call("POST", "/v1/batches", LiveServer.batch(3, requestID: "new"))
                #expect(again.string("batch_id") == new.string("batch_id"))
                let after = try await server.call("GET", "/v1/credits/balance")
                #expect(after.int("reserved") == before.int("reserved").map { $0 + 30 })
                #expect(after.int("total") == before.int("total"))
            }
        }
    }
}

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
