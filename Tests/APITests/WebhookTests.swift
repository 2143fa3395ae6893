import Domain
import Formats
import Foundation
import Postgres
import TestSupport
import Testing

/// Webhooks from the program to a receiver that is not ours.
@Suite(.timeLimit(.minutes(6))) struct WebhookTests {
    private static let forTests = ["--allow-http-webhooks", "--allow-private-webhooks"]

    /// Creates a batch and gives its id.
    private func create(
        _ server: LiveServer, _ items: Int, to url: String?, requestID: String? = nil, headers: [String: String] = [:]
    ) async throws -> String {
        var body = try JSON(parsing: Array(LiveServer.batch(items, requestID: requestID).utf8))
        if case .object(let members) = body, let url {
            body = .object(members + [JSON.Member("webhook_url", .string(url))])
        }
        let created = try await server.call("POST", "/v1/batches", body.compactText, headers: headers)
        return try #require(created.string("batch_id"), "\(created.text)")
    }

    /// Does what a worker and a provider do with every batch: each begins, its first item fails, the others succeed.
    private func finish(_ server: LiveServer) async throws {
        try await execute(
            """
            UPDATE public.batch_jobs SET status = 'processing' WHERE status = 'queued';
            UPDATE daybook.task SET state = 'accepted', provider_task_id = task_id::text, accepted_at = created_at,
                deadline_at = created_at + interval '1 hour' WHERE state = 'ready';
            SELECT count(x) FROM (
                SELECT user_id, batch_id, array_agg(task_id ORDER BY batch_index) AS tasks,
                    array_agg(CASE batch_index WHEN 0 THEN 'failed' ELSE 'succeeded' END ORDER BY batch_index) AS states,
                    array_agg(NULL::text) AS nothing
                FROM daybook.task WHERE state = 'accepted' GROUP BY user_id, batch_id
            ) AS t
            CROSS JOIN LATERAL daybook.end_tasks(t.user_id, t.batch_id, t.tasks, ARRAY['accepted'], t.states, t.nothing,
                t.nothing, t.nothing, t.nothing) AS x;
            """, in: server.settings)
    }

    /// Waits until a query gives true; the server takes its time, so that nobody sleeps here.
    private func wait(_ server: LiveServer, until condition: String, seconds: Int64 = 30) async throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            if try await server.count("SELECT (\(condition))::integer::bigint + length(pg_sleep(0.05)::text)") == 1 {
                return
            }
        }
        let rows = try await server.count("SELECT count(*) FROM daybook.webhook_attempt")
        throw TestSupportError(
            "not within \(seconds) seconds: \(condition); \(rows) attempts; \(server.program.errors)")
    }

    private static let allOver = """
        SELECT count(*) > 0 AND bool_and(next_attempt_at IS NULL) FROM daybook.webhook_delivery
        """

    private func secret(_ server: LiveServer, of index: Int = 0) async throws -> (id: String, secret: String) {
        let list = try await server.call("GET", "/v1/webhook-endpoints")
        guard case .string(let id)? = list.array("endpoints")[index]["endpoint_id"] else {
            throw TestSupportError(list.text)
        }
        #expect(!list.text.contains("whsec_"))
        let endpoint = try await server.call("GET", "/v1/webhook-endpoints/\(id)")
        return (id, try #require(endpoint.string("secret"), "\(endpoint.text)"))
    }

    @Test func `libraries of receivers verify every event, and its bytes survive being parsed and written again`()
        async throws
    {
        try await WebhookReceiver.run { receiver in
            try await LiveServer.run(serveOptions: Self.forTests) { server in
                // What an old receiver's JSON.stringify would write otherwise than many a program.
                let requestID = "a \"b\" \\ / <c> é \u{2028} 7.0 -0 1e21"
                let batchID = try await create(server, 5, to: receiver.url("ok"), requestID: requestID)
                let failed = try await create(server, 1, to: receiver.url("ok"))
                try await finish(server)
                try await wait(server, until: Self.allOver)
                let (_, secret) = try await secret(server)
                let checked = try await receiver.checked(secret)
                #expect(checked.count == 8)
                for line in checked {
                    for library in ["standardwebhooks", "svix", "older"] {
                        #expect(line[library] as? Bool == true, "\(library): \(line)")
                    }
                    #expect(line["altered"] as? Bool == false)
                }
                #expect(Set(checked.compactMap { $0["id"] as? String }).count == 8)
                let events = try receiver.received().filter { $0.body.contains(batchID) }
                #expect(
                    Set(events.map(\.event)) == ["batch.created", "batch.running", "batch.refunded", "batch.completed"])
                let completed = try #require(events.first { $0.event == "batch.completed" })
                let body = try JSON(parsing: Array(completed.body.utf8))
                #expect(body["request_id"] == .string(requestID) && body["status"] == "partial")
                #expect(body["summary"] == ["total": 5, "succeeded": 4, "failed": 1, "pending": 0])
                #expect(body["ledger"] == ["reserved": 50, "settled": 40, "refunded": 10])
                let last = try receiver.received().filter { $0.body.contains(failed) }.map(\.event)
                #expect(last.contains("batch.failed") && !last.contains("batch.completed"))
                try await surviveNode(try receiver.received().map(\.body))
                #expect(
                    try await server.count("SELECT count(*) FROM public.batch_jobs WHERE webhook_status = 'sent'") == 2)
            }
        }
    }

    /// What receivers do that verify over the body that they parsed and wrote again.
    private func surviveNode(_ bodies: [String]) async throws {
        let script = """
            for (const text of process.argv.slice(1)) {
                if (JSON.stringify(JSON.parse(text)) !== text) { console.error(text); process.exit(1); }
            }
            """
        let run = try await ProgramRun(["-e", script, "--"] + bodies, program: "/usr/bin/node")
        #expect(run.exitCode == 0, "\(run.errors)")
        let changed = try await ProgramRun(["-e", script, "--", "{\"a\": 1}"], program: "/usr/bin/node")
        #expect(changed.exitCode == 1)
    }

    @Test func `three attempts with the same id and bytes, then it is given up, and sent again when asked`()
        async throws
    {
        try await WebhookReceiver.run { receiver in
            try await LiveServer.run(serveOptions: Self.forTests) { server in
                // Five minutes are three seconds.
                try await execute(
                    "INSERT INTO daybook.test_clock (rate, origin, anchor) VALUES (100, now(), now())",
                    in: server.settings)
                for behaviour in ["late", "fail", "away", "reset", "busy"] {
                    _ = try await create(server, 1, to: receiver.url(behaviour))
                }
                try await wait(server, until: Self.allOver)
                for behaviour in ["late", "fail", "away", "reset", "busy"] {
                    let messages = try receiver.received(behaviour)
                    #expect(
                        messages.count == 3 && Set(messages.map(\.id)).count == 1, "\(behaviour): \(messages.count)")
                    #expect(Set(messages.map(\.body)).count == 1)
                }
                // Nobody followed where it led, and who asked for more time got it.
                #expect(try receiver.received("ok/elsewhere").isEmpty)
                let waits = try await server.count(
                    """
                    SELECT extract(epoch FROM min(b.attempted_at - a.attempted_at))::bigint
                    FROM daybook.webhook_attempt AS a
                    JOIN daybook.webhook_attempt AS b ON b.event_id = a.event_id AND b.attempt_id > a.attempt_id
                    WHERE a.status = 503
                    """)
                #expect(waits >= 39)
                let deliveries = try await server.call("GET", "/v1/webhook-deliveries?state=failed")
                #expect(deliveries.int("total") == 4)
                let shown = try #require(
                    deliveries.array("deliveries").first { $0["url"] == .string(receiver.url("fail")) })
                guard case .array(let attempts)? = shown["attempts"] else { throw TestSupportError(deliveries.text) }
                #expect(attempts.count == 3 && attempts[0]["failure"] == "the receiver answered 500")

                guard case .string(let eventID)? = shown["event_id"] else { throw TestSupportError(deliveries.text) }
                let replay = try await server.call(
                    "POST", "/v1/webhook-deliveries/replay", "{\"event_id\":\"\(eventID)\",\"wat\":1}")
                #expect(replay.int("due") == 1 && replay.array("warnings").count == 1, "\(replay.text)")
                try await wait(server, until: Self.allOver)
                #expect(try receiver.received("fail").map(\.id) == [String](repeating: eventID, count: 6))
                let missing = try await server.call("POST", "/v1/webhook-deliveries/replay", "{}")
                #expect(missing.int("due") == 4)
            }
        }
    }

    @Test func `an address that is gone or disabled is told nothing more, and one that hangs delays nobody`()
        async throws
    {
        try await WebhookReceiver.run { receiver in
            try await LiveServer.run(serveOptions: Self.forTests) { server in
                let standing = try await server.call(
                    "POST", "/v1/webhook-endpoints", "{\"url\":\"\(receiver.url("gone"))\"}")
                #expect(standing.status == 200 && standing.string("secret")?.hasPrefix("whsec_") == true)
                let twice = try await server.call(
                    "POST", "/v1/webhook-endpoints", "{\"url\":\"\(receiver.url("gone"))\"}")
                #expect(twice.string("endpoint_id") == standing.string("endpoint_id"))
                let other = try await TestCustomer.create(in: server.settings, purchased: 1000)
                let key = try await ProgramRun.expectingSuccess(
                    [
                        "keys", "create", "--user", other, "--name", "tests", "--database",
                        Deployment.conninfo(server.settings),
                    ], program: LiveServer.daybookd
                ).trimmingCharacters(in: .whitespacesAndNewlines)
                for number in 0..<6 { _ = try await create(server, 1, to: receiver.url("hang/\(number)")) }
                _ = try await create(server, 1, to: receiver.url("ok"), headers: ["x-api-key": key])
                try await wait(
                    server,
                    until: "SELECT count(*) = 6 FROM daybook.webhook_attempt WHERE failure LIKE '%within 5 sec%'")
                // The hanging ones take five seconds each, four at a time, and were there first.
                let overtaken = try await server.count(
                    """
                    SELECT count(*) FROM daybook.webhook_attempt
                    WHERE status IS NULL AND attempt_id > (
                        SELECT attempt_id FROM daybook.webhook_attempt WHERE status = 200)
                    """)
                #expect(overtaken > 0)
                #expect(try receiver.received("gone").count >= 1)
                let endpointID = try #require(standing.string("endpoint_id"))
                let disabled = try await server.call("GET", "/v1/webhook-endpoints/\(endpointID)")
                #expect(disabled.body["enabled"] == false)
                #expect(disabled.string("disabled_because") == "The receiver answered 410 Gone.")
                let before = try receiver.received("gone").count
                _ = try await create(server, 1, to: receiver.url("ok/2"))
                try await wait(
                    server, until: "SELECT count(*) = 2 FROM daybook.webhook_delivery WHERE state = 'delivered'")
                #expect(try receiver.received("gone").count == before)
                #expect(
                    try await server.call("POST", "/v1/webhook-endpoints/\(endpointID)/enable").body["enabled"] == true)

                // Nothing of it is another customer's.
                let foreign = ["x-api-key": key]
                for (method, path) in [
                    ("GET", "/v1/webhook-endpoints/\(endpointID)"),
                    ("POST", "/v1/webhook-endpoints/\(endpointID)/rotate"),
                    ("POST", "/v1/webhook-endpoints/\(endpointID)/disable"),
                    ("POST", "/v1/webhook-endpoints/\(endpointID)/enable"),
                ] {
                    #expect(try await server.call(method, path, headers: foreign).status == 404, "\(method) \(path)")
                }
                let seen = try await server.call("GET", "/v1/webhook-deliveries?limit=100", headers: foreign)
                #expect(seen.int("total") == 1)
                let replay = try await server.call(
                    "POST", "/v1/webhook-deliveries/replay", "{\"missing\":false}", headers: foreign)
                #expect(replay.int("due") == 1)
            }
        }
    }

    @Test(arguments: ["127.0.0.1", "localhost", "[::1]", "127.1", "0x7f000001", "[::ffff:127.0.0.1]"])
    func `nothing is sent into one's own network, however it is written`(host: String) async throws {
        try await WebhookReceiver.run { receiver in
            try await LiveServer.run(serveOptions: ["--allow-http-webhooks"]) { server in
                let address = receiver.url("ok").replacing("127.0.0.1", with: host)
                _ = try await create(server, 1, to: address)
                try await wait(server, until: "SELECT count(*) = 1 FROM daybook.webhook_attempt")
                let refused = try await server.count(
                    """
                    SELECT count(*) FROM daybook.webhook_attempt
                    WHERE status IS NULL AND failure LIKE '%not on the public internet%'
                    """)
                let shown = try await server.call("GET", "/v1/webhook-deliveries").text
                #expect(refused == 1, "\(shown)")
                #expect(try receiver.received().isEmpty)
            }
        }
    }

    @Test func `a rotated secret signs beside the one of before, and a wrong address is mended while the batch runs`()
        async throws
    {
        try await WebhookReceiver.run { receiver in
            try await LiveServer.run(serveOptions: Self.forTests) { server in
                let batchID = try await create(server, 2, to: receiver.url("fail"))
                try await wait(server, until: "SELECT count(*) = 1 FROM daybook.webhook_attempt")
                let (endpointID, first) = try await secret(server)
                let rotated = try await server.call("POST", "/v1/webhook-endpoints/\(endpointID)/rotate")
                let second = try #require(rotated.string("secret"))
                #expect(second != first && rotated.string("earlier_secret") == first)
                let path = "/v1/batches/\(batchID)"
                for (body, word) in [
                    ("{}", "missing"), ("{\"webhook_url\":\"ftp://example.com\"}", "https"), ("[]", "object"),
                    ("{\"webhook_url\":7}", "text"),
                ] {
                    let refused = try await server.call("PATCH", path, body)
                    #expect(refused.status == 400 && refused.text.contains(word), "\(refused.text)")
                }
                let mended = try await server.call("PATCH", path, "{\"webhook_url\":\"\(receiver.url("ok"))\"}")
                #expect(mended.status == 200 && mended.string("batch_id") == batchID)
                try await finish(server)
                try await wait(server, until: Self.allOver)
                // What had failed came to the new address as well.
                #expect(
                    Set(try receiver.received("ok").map(\.event))
                        == ["batch.created", "batch.running", "batch.refunded", "batch.completed"])
                let ok = try await receiver.checked(first).filter { $0["path"] as? String == "/ok" }
                #expect(ok.allSatisfy { $0["standardwebhooks"] as? Bool == true && $0["older"] as? Bool == false })
                let newer = try await receiver.checked(second).filter { $0["path"] as? String == "/ok" }
                #expect(newer.allSatisfy { $0["svix"] as? Bool == true && $0["older"] as? Bool == true })
                let late = try await server.call("PATCH", path, "{\"webhook_url\":null}")
                #expect(late.status == 400 && late.error == "BATCH_FINISHED")
                #expect(try await server.call("PATCH", "/v1/batches/\(UUID())", "{\"webhook_url\":null}").status == 404)
            }
        }
    }

    @Test func `what an address answers counts for that address alone, also where it is another one by then`()
        async throws
    {
        try await WebhookReceiver.run { receiver in
            try await LiveServer.run(serveOptions: Self.forTests) { server in
                let batchID = try await create(server, 1, to: receiver.url("slow"))
                // It is under way, and arrives there, after another address was named, which fails.
                try await wait(
                    server, until: "SELECT count(*) = 1 FROM daybook.webhook_delivery WHERE next_attempt_at > now()")
                let mended = try await server.call(
                    "PATCH", "/v1/batches/\(batchID)", "{\"webhook_url\":\"\(receiver.url("fail"))\"}")
                #expect(mended.status == 200, "\(mended.text)")
                try await wait(server, until: "SELECT count(*) = 2 FROM daybook.webhook_attempt")
                #expect(try receiver.received("slow").map(\.id) == receiver.received("fail").map(\.id))
                let waiting = "SELECT count(*) FROM daybook.webhook_delivery WHERE state = 'due' AND attempts = 1"
                #expect(try await server.count(waiting) == 1)
            }
        }
    }

    @Test func `killed at any instant, a server's deliveries go out from the next one, with the same bytes`()
        async throws
    {
        try await WebhookReceiver.run { receiver in
            try await LiveServer.run(serveOptions: Self.forTests) { server in
                for number in 0..<40 { _ = try await create(server, 1, to: receiver.url("ok/\(number)")) }
                let finishing = Task { try await finish(server) }
                let conninfo = Deployment.conninfo(server.settings)
                for kill in 1...4 {
                    _ = try await ProgramRun(
                        ["serve", "--port", "0", "--database", conninfo] + Self.forTests, program: LiveServer.daybookd,
                        killAfter: Double(kill) * 0.3)
                }
                try await finishing.value
                try await wait(server, until: Self.allOver, seconds: 60)
                let told = try await server.count("SELECT count(*) FROM daybook.webhook_event")
                let received = try receiver.received()
                let byID = Dictionary(grouping: received, by: \.id)
                #expect(byID.count == Int(told) && told == 160)
                #expect(byID.values.allSatisfy { Set($0.map(\.body)).count == 1 && Set($0.map(\.path)).count == 1 })
            }
        }
    }

    @Test func `a message can be tried before there is a batch`() async throws {
        try await WebhookReceiver.run { receiver in
            let folder = try ScratchFolder()
            let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
            let secret = try folder.write(text + "\n", to: "secret")
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secret)
            let arrived = try await ProgramRun(
                ["webhooks", "test", receiver.url("ok"), "--secret-file", secret] + Self.forTests,
                program: LiveServer.daybookd)
            #expect(arrived.exitCode == 0 && arrived.output.contains("answered 200"), "\(arrived.errors)")
            #expect(!arrived.output.contains(text))
            #expect(try await receiver.checked(text).map { $0["svix"] as? Bool } == [true])
            let failed = try await ProgramRun(
                ["webhooks", "test", receiver.url("fail")] + Self.forTests, program: LiveServer.daybookd)
            #expect(failed.exitCode == 1 && failed.errors.contains("answered 500"), "\(failed.errors)")
            let refused = try await ProgramRun(
                ["webhooks", "test", receiver.url("ok")], program: LiveServer.daybookd)
            #expect(refused.exitCode == 64 && refused.errors.contains("https"), "\(refused.errors)")
        }
    }
}
