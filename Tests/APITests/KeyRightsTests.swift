import Domain
import Formats
import Foundation
import Postgres
import TestSupport
import Testing

/// What a key may do, from where and until when: by every call that there is.
@Suite(.timeLimit(.minutes(6))) struct KeyRightsTests {
    /// Makes another key of the server's customer.
    private func key(_ server: LiveServer, _ options: [String]) async throws -> String {
        try await ProgramRun.expectingSuccess(
            [
                "keys", "create", "--user", server.userID, "--name", "t", "--rate-limit", "100000", "--database",
                Deployment.conninfo(server.settings),
            ] + options, program: LiveServer.daybookd
        ).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// What a refused call must not change.
    private func contents(_ server: LiveServer) async throws -> [Int64] {
        try await [
            "batch_jobs", "video_tasks", "credit_ledger", "enterprise_api_usage",
        ].asyncMap { try await server.count("SELECT count(*) FROM public.\($0)") } + [
            server.count("SELECT count(*) FROM daybook.webhook_endpoint"),
            server.count("SELECT count(*) FROM daybook.webhook_delivery WHERE state = 'due'"),
            server.count("SELECT count(*) FROM daybook.batch WHERE cancel_requested_at IS NOT NULL"),
        ]
    }

    private static let bodies = [
        "POST /v1/batches": LiveServer.batch(1),
        "PATCH /v1/batches/{batch_id}": #"{"webhook_url":"https://hooks.example/y"}"#,
        "POST /v1/webhook-endpoints": #"{"url":"https://hooks.example/z"}"#,
        "POST /v1/webhook-endpoints/{endpoint_id}/rotate": #"{"keep_hours":1}"#,
        "POST /v1/webhook-deliveries/replay": #"{"missing":true}"#,
    ]

    @Test func `every call asks for the right, the time and the address that it needs, and changes nothing without`()
        async throws
    {
        try await LiveServer.run(serveOptions: ["--no-webhooks"]) { server in
            let document = try await PublishedDocument(of: server)
            let created = try await server.call("POST", "/v1/batches", LiveServer.batch(2))
            let endpoint = try await server.call(
                "POST", "/v1/webhook-endpoints", #"{"url":"https://hooks.example/x"}"#)
            let values = [
                "batch_id": try #require(created.string("batch_id")),
                "endpoint_id": try #require(endpoint.string("endpoint_id")),
            ]
            let secret = try #require(endpoint.string("secret"))
            let reading = try await key(server, ["--scope", "read"])
            let writing = try await key(server, ["--scope", "write"])
            let foreign = try await key(server, ["--allow-from", "192.0.2.0/24", "--allow-from", "2001:db8::/48"])
            let expired = try await key(server, ["--expires", "2199-01-01", "--allow-from", "127.0.0.0/8"])
            #expect(try await server.call("GET", "/v1/batches", headers: ["x-api-key": expired]).status == 200)
            // By the engine's clock, which goes on to the instant itself.
            try await execute(
                "INSERT INTO daybook.test_clock (rate, origin, anchor) VALUES (1, '2199-01-01Z', now())",
                in: server.settings)
            let before = try await contents(server)
            var exchanges: [PublishedDocument.Exchange] = []
            var asked = 0
            for operation in document.operations where operation.path.hasPrefix("/v1/") {
                let name = "\(operation.method) \(operation.path)"
                let path = operation.address(values)
                let reads = operation.method == "GET"
                let cases = [
                    (expired, 401, "API_KEY_EXPIRED"), (foreign, 403, "ADDRESS_NOT_ALLOWED"),
                    reads ? (writing, 403, "INSUFFICIENT_SCOPE") : (reading, 403, "INSUFFICIENT_SCOPE"),
                ]
                for (key, status, code) in cases {
                    let answer = try await server.call(
                        operation.method, path, Self.bodies[name], headers: ["x-api-key": key])
                    #expect(answer.status == status && answer.error == code, "\(name): \(answer.text)")
                    // Only who is let in is told of the rate limit.
                    #expect((answer.headers["ratelimit"] != nil) == (code == "INSUFFICIENT_SCOPE"), "\(name)")
                    exchanges.append(.init(method: operation.method, path: path, answer: answer))
                    asked += 1
                }
                guard reads else { continue }
                let answer = try await server.call("GET", path, headers: ["x-api-key": reading])
                // This server has no store, so that whoever may read finds no video.
                let read = operation.path.contains("/videos/") ? 404 : 200
                #expect(answer.status == read && !answer.text.contains(secret), "\(name): \(answer.text)")
                #expect(try await server.call("HEAD", path, headers: ["x-api-key": writing]).status == 403)
                exchanges.append(.init(method: "GET", path: path, answer: answer))
            }
            #expect(asked >= 45, "\(asked)")
            #expect(try await contents(server) == before)
            #expect(try await document.complaints(exchanges) == "")
            // The calls were good ones: a key that may write makes them.
            for operation in document.operations where Self.bodies["\(operation.method) \(operation.path)"] != nil {
                let answer = try await server.call(
                    operation.method, operation.address(values), Self.bodies["\(operation.method) \(operation.path)"],
                    headers: ["x-api-key": writing])
                #expect(answer.status == 200, "\(operation.path): \(answer.text)")
            }
            // Another method than a path has is that, whatever the key.
            let none = try await server.call("DELETE", "/v1/batches", headers: ["x-api-key": reading])
            #expect(none.status == 405, "\(none.text)")
        }
    }

    @Test func `a pilot key has batches of fifty and the bonus that was booked with it`() async throws {
        try await LiveServer.run(purchased: 0, keyOptions: ["--pilot", "--bonus", "700"]) { server in
            #expect(server.key.hasPrefix("dbk_pilot_"))
            #expect(try await server.call("GET", "/v1/credits/balance").int("available") == 700)
            #expect(
                try await server.count(
                    """
                    SELECT count(*) FROM public.credit_ledger AS l JOIN daybook.api_key AS k
                        ON k.user_id = l.user_id AND l.type = 'bonus_grant' AND l.ref_id = 'pilot key ' || k.key_id
                    """) == 1)
            let large = try await server.call("POST", "/v1/batches", LiveServer.batch(51, requestID: "r"))
            #expect(large.status == 400 && large.error == "INVALID_REQUEST", "\(large.text)")
            #expect(
                large.string("message")
                    == "items must have 1 to 50 elements, which is what a pilot key may ask for, not 51.")
            let fitting = try await server.call("POST", "/v1/batches", LiveServer.batch(50, requestID: "r"))
            #expect(fitting.status == 200 && fitting.int("required_credits") == 500, "\(fitting.text)")
            let database = ["--database", Deployment.conninfo(server.settings)]
            let refusals = [
                (["--pilot", "--items-limit", "51"], "between 1 and 50"), (["--bonus", "5"], "goes with --pilot"),
                (["--scope", "all"], "read, write"), (["--scope", "read,"], "read, write"),
                (["--allow-from", "192.0.2.1/24"], "the network is 192.0.2.0/24"),
                (["--allow-from", "example.com"], "must be an address or a network"),
                (["--expires", "2020-01-01"], "never works"), (["--expires", "soon"], "must be an instant"),
            ]
            for (options, words) in refusals {
                let run = try await ProgramRun(
                    ["keys", "create", "--user", server.userID, "--name", "t"] + options + database,
                    program: LiveServer.daybookd)
                #expect(run.exitCode == 64 && run.errors.contains(words), "\(options): \(run.errors)")
            }
            #expect(try await server.count("SELECT count(*) FROM daybook.api_key") == 1)
        }
    }

    @Test func `a trusted proxy says who calls, and nobody else is believed`() async throws {
        let serve = ["--trusted-proxy", "127.0.0.1", "--trusted-proxy", "198.51.100.7"]
        try await LiveServer.run(
            keyOptions: ["--allow-from", "203.0.113.0/24", "--rate-limit", "10000"], serveOptions: serve
        ) {
            server in
            func status(_ forwarded: String) async throws -> Int {
                try await server.call("GET", "/v1/batches", headers: ["x-forwarded-for": forwarded]).status
            }
            for forwarded in [
                "203.0.113.9", "192.0.2.1, 203.0.113.9", "203.0.113.9:4711", "::ffff:203.0.113.9",
                "203.0.113.9, 198.51.100.7", "nonsense, 203.0.113.9",
            ] {
                #expect(try await status(forwarded) == 200, "\(forwarded)")
            }
            for forwarded in ["", "203.0.113.9, 192.0.2.1", "203.0.114.9", "203.0.113.9, nonsense", "[2001:db8::1]:80"]
            {
                #expect(try await status(forwarded) == 403, "\(forwarded)")
            }
            let created = try await server.call(
                "POST", "/v1/batches", LiveServer.batch(1), headers: ["x-forwarded-for": "203.0.113.9"])
            #expect(created.status == 200)
            #expect(try await server.count("SELECT count(*) FROM enterprise_api_usage WHERE ip = '203.0.113.9'") == 1)
        }
        // Without a proxy that is named, the header is anybody's invention.
        try await LiveServer.run(keyOptions: ["--allow-from", "203.0.113.0/24"]) { server in
            let answer = try await server.call("GET", "/v1/batches", headers: ["x-forwarded-for": "203.0.113.9"])
            #expect(answer.status == 403 && answer.error == "ADDRESS_NOT_ALLOWED")
        }
        // A server for both versions hears of version 4 in the clothes of version 6.
        try await LiveServer.run(keyOptions: ["--allow-from", "127.0.0.0/8"], serveOptions: ["--host", "::"]) {
            server in
            let address = server.url.replacing("[::]", with: "127.0.0.1") + "/v1/batches"
            let run = try await ProgramRun(
                ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "x-api-key: \(server.key)", address],
                program: "/usr/bin/curl")
            #expect(run.output == "200", "\(run.output) \(run.errors)")
        }
    }
}

extension Array {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async throws -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
