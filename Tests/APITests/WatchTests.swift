import Foundation
import Postgres
import TestSupport
import Testing

/// How the service stands, for Prometheus and for a person.
@Suite(.timeLimit(.minutes(4))) struct WatchTests {
    /// The series as a reader has them that is not ours; it keeps two of the same, so that they can be told.
    private static let script = """
        import json, sys
        from prometheus_client.parser import text_string_to_metric_families as parse
        families = list(parse(sys.stdin.read()))
        series = [(s.name, json.dumps(s.labels, sort_keys=True), s.value) for f in families for s in f.samples]
        assert len({s[:2] for s in series}) == len(series), "two of one"
        assert all(f.documentation and f.type in ("gauge", "counter", "histogram") for f in families), families
        for name, labels, value in sorted(series):
            print(name, labels, int(value))
        """

    private func series(_ text: String) async throws -> [String] {
        let path = NSTemporaryDirectory() + "daybook-\(UUID().uuidString).prom"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let run = try await ProgramRun(["-c", Self.script], program: TestPython.path, input: path)
        #expect(run.exitCode == 0, "\(run.errors) \(text)")
        // Names, units and help as Prometheus wants them.
        let check = try await ProgramRun(["check", "metrics"], program: "/usr/bin/promtool", input: path)
        #expect(check.exitCode == 0 && check.errors.isEmpty, "\(check.errors)")
        return run.output.split(separator: "\n").map(String.init)
    }

    private func status(_ server: LiveServer) async throws -> ProgramRun {
        try await ProgramRun(["status", "--database", Deployment.conninfo(server.settings)])
    }

    @Test func `what waits and what is late is told to Prometheus and to a person alike`() async throws {
        try await LiveServer.run(serveOptions: ["--no-webhooks"]) { server in
            let quiet = try await status(server)
            #expect(quiet.exitCode == 0 && quiet.output.contains("nothing is late"), "\(quiet.output) \(quiet.errors)")
            let created = try await server.call("POST", "/v1/batches", LiveServer.batch(5))
            #expect(created.status == 200)
            try await execute(
                """
                UPDATE daybook.task SET ready_at = ready_at - interval '20 minutes' WHERE batch_index IN (0, 1);
                UPDATE daybook.task SET state = 'unknown', dispatched_at = ready_at + interval '7 seconds',
                    deadline_at = clock_timestamp() - interval '1 hour' WHERE batch_index = 2;
                UPDATE daybook.model_gate SET blocked_until = 'infinity' WHERE model = 'veo-pro';
                INSERT INTO daybook.probe VALUES ('api', clock_timestamp() - interval '2 hours', true, 5),
                    ('api', clock_timestamp() - interval '3 hours', true, 5), ('db', clock_timestamp(), true, 5);
                """, in: server.settings)
            let late = try await status(server)
            #expect(late.exitCode == 2)
            for sentence in [
                "No worker is alive, and 5 items are open: start one.",
                "sora-2: the oldest of 4 items that wait has waited for 20 minutes.",
                "sora-2: 1 items are past their deadline and have not ended.",
                "veo-pro: the provider is not asked any more, until its account is in order.",
                ", 2 hours ago: is its prober running?",
            ] { #expect(late.output.contains(sentence), "\(late.output)") }
            #expect(late.output.contains("The newest probe of api is of ") && !late.output.contains("probe of db is"))

            let answer = try await server.call("GET", "/metrics", headers: ["x-api-key": ""])
            #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(answer.text.hasSuffix("\n") && !answer.text.contains("\r"))
            let series = try await series(answer.text)
            for line in [
                #"daybook_items_ready {"age": "under_1m", "model": "sora-2"} 2"#,
                #"daybook_items_ready {"age": "under_1h", "model": "sora-2"} 2"#,
                #"daybook_items_handed_over {"model": "sora-2", "state": "unknown"} 1"#,
                #"daybook_items_overdue {"model": "sora-2"} 1"#,
                #"daybook_items_claim_wait_seconds {"model": "sora-2"} 7"#,
                #"daybook_gate_closed {"model": "veo-pro"} 1"#, #"daybook_gate_closed {"model": "sora-2"} 0"#,
                #"daybook_credits_frozen {"age": "under_1m"} 50"#, "daybook_workers {} 0", "daybook_late {} 5",
                #"daybook_http_answers_total {"method": "POST", "route": "/v1/batches", "status": "200"} 1"#,
            ] { #expect(series.contains(line), "\(line) is not in \(series.joined(separator: "\n"))") }
            #expect(answer.text.contains(/daybook_http_answer_seconds_total\{[^}]*\} [0-9]+\.[0-9]{3}\n/))
            #expect(!answer.text.contains(server.userID))
        }
    }
}
