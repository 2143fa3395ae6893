import Domain
import Formats
import Foundation
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(4))) struct ClientTests {
    /// Does what a worker and a provider do with the first batch: every tenth task fails, the others succeed.
    private func finishFirstBatch(_ settings: ConnectionSettings, _ userID: String) async throws {
        let connection = try await Connection.open(settings)
        var isDone = false
        while !isDone {
            isDone = try await connection.transaction { session in
                try session.execute(
                    """
                    UPDATE daybook.task SET state = 'accepted', provider_task_id = 'p' || batch_index,
                        accepted_at = created_at, deadline_at = created_at + interval '1 hour'
                    WHERE user_id = $1 AND state = 'ready'
                    """, [.uuid(userID)])
                let ended = try session.query(
                    """
                    SELECT count(x) FROM (
                        SELECT batch_id, array_agg(task_id ORDER BY batch_index) AS tasks,
                            array_agg(CASE WHEN batch_index % 10 = 0 THEN 'failed' ELSE 'succeeded' END ORDER BY batch_index)
                                AS states,
                            array_agg(CASE WHEN batch_index % 10 = 0 THEN 'error' END ORDER BY batch_index) AS reasons,
                            array_agg(CASE WHEN batch_index % 10 = 0 THEN 'model_error' END ORDER BY batch_index) AS types,
                            array_agg(CASE WHEN batch_index % 10 > 0 THEN 'https://v.example/' || batch_index END
                                ORDER BY batch_index) AS urls
                        FROM daybook.task WHERE user_id = $1 AND state = 'accepted' GROUP BY batch_id
                    ) AS t
                    CROSS JOIN LATERAL daybook.end_tasks($1, t.batch_id, t.tasks, ARRAY['accepted'], t.states, t.reasons,
                        t.types, t.reasons, t.urls) AS x
                    """, [.uuid(userID)])
                return try ended[0].int(0) > 0
            }
        }
        await connection.close()
    }

    @Test func `a client in another language creates, waits, reads, and cancels`() async throws {
        try await LiveServer.run(purchased: 4000, bonus: 1000, keyOptions: ["--rate-limit", "10000"]) { server in
            let finishing = Task { try await finishFirstBatch(server.settings, server.userID) }
            let script = Deployment.root + "/Tests/APITests/Client/client.py"
            let run = try await ProgramRun([script, server.url, server.key, "130"], program: TestPython.path)
            try await finishing.value
            #expect(run.exitCode == 0, "\(run.errors)")
            let seen = try JSON(parsing: Array(run.output.utf8.dropLast()))
            #expect(seen["batch"]?["status"] == "partial" && seen["batch"]?["failed_count"] == 13)
            #expect(seen["totals"]?["settle"] == -1170 && seen["totals"]?["refund"] == 130)
            #expect(seen["cancelled"]?["credits_refunded"] == 1300)
            #expect(seen["ended"]?["status"] == "cancelled")
        }
    }
}
