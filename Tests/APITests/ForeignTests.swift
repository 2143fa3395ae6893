import Formats
import Foundation
import Postgres
import TestSupport
import Testing

/// Two customers of one service: neither sees or moves anything of the other, by any call that there is.
@Suite(.timeLimit(.minutes(6))) struct ForeignTests {
    /// What a customer has, by the names under which calls ask for it.
    private struct Belongings {
        var values: [String: String] = [:]
        /// Texts that only the customer may see.
        var secrets: Set<String> = []
    }

    private func belongings(_ server: LiveServer, _ headers: [String: String]) async throws -> Belongings {
        let body = """
            {"request_id":"own-name","webhook_url":"https://hooks.example/own",
             "items":[{"prompt":"own prompt","custom_id":"own-id","metadata":{"own":1}},{"prompt":"another own"}]}
            """
        let standing = try await server.call(
            "POST", "/v1/webhook-endpoints", #"{"url":"https://hooks.example/standing"}"#, headers: headers)
        let created = try await server.call("POST", "/v1/batches", body, headers: headers)
        let batchID = try #require(created.string("batch_id"), "\(created.text)")
        let deliveries = try await server.call("GET", "/v1/webhook-deliveries", headers: headers)
        let items = try await server.call("GET", "/v1/batches/\(batchID)/items?limit=1", headers: headers)
        let batches = try await server.call("GET", "/v1/batches", headers: headers)
        guard case .string(let eventID)? = deliveries.array("deliveries").first?["event_id"],
            case .string(let itemID)? = items.array("items").first?["item_id"]
        else { throw TestSupportError("there is no delivery: \(deliveries.text) \(items.text)") }
        #expect(batches.array("batches").count == 1)
        var own = Belongings()
        own.values = [
            "batch_id": batchID, "endpoint_id": try #require(standing.string("endpoint_id")), "event_id": eventID,
            "item_id": itemID, "request_id": "own-name",
        ]
        own.secrets = Set(own.values.values).subtracting(["own-name"]).union([
            "own prompt", "own-id", "hooks.example/own", "hooks.example/standing",
            try #require(standing.string("secret")),
        ])
        return own
    }

    /// Everything that the database has of a customer, as one digest for each table.
    private func contents(_ server: LiveServer, of userID: String) async throws -> [String] {
        let connection = try await Connection.open(server.settings)
        let lines = try await connection.run { session in
            let tables = try session.query(
                """
                SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_attribute AS a
                JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname IN ('daybook', 'public')
                WHERE a.attname = 'user_id' AND NOT a.attisdropped
                    -- The owner's own earlier calls are written by the minute.
                    AND c.relname NOT IN ('api_key', 'key_usage')
                ORDER BY 1
                """
            ).map { try $0.text("name") }
            return try tables.map { table in
                let row = try session.query(
                    """
                    SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') AS digest
                    FROM \(table) AS t WHERE t.user_id = $1
                    """, [.uuid(userID)])[0]
                return "\(table): \(try row.text("digest"))"
            }
        }
        await connection.close()
        return lines
    }

    @Test func `no call of the document shows or changes what another customer has`() async throws {
        try await LiveServer.run(serveOptions: ["--no-webhooks"]) { server in
            let document = try await PublishedDocument(of: server)
            let own = try await belongings(server, [:])
            let strangerID = try await TestCustomer.create(in: server.settings, purchased: 1000)
            let key = try await ProgramRun.expectingSuccess(
                [
                    "keys", "create", "--user", strangerID, "--name", "s", "--rate-limit", "10000", "--database",
                    Deployment.conninfo(server.settings),
                ], program: LiveServer.daybookd
            ).trimmingCharacters(in: .whitespacesAndNewlines)
            let before = try await contents(server, of: server.userID)
            #expect(before.count > 15 && before.contains { $0.hasPrefix("daybook.webhook_delivery: 2 ") }, "\(before)")
            var asked = 0
            for operation in document.operations {
                let names = operation.members.filter { own.values[$0] != nil }
                let queries = operation.query.filter { own.values[$0] != nil }
                let asks = [""] + queries.map { "?\($0)=\(own.values[$0] ?? "")" }
                let foreign = [[:]] + names.map { [$0: own.values[$0] ?? ""] }
                let bodies: [String?] =
                    operation.members.isEmpty ? [nil] : foreign.map { body(operation, $0) }
                for ask in asks {
                    for body in bodies {
                        let path = operation.address(own.values, UUID().uuidString.lowercased()) + ask
                        let answer = try await server.call(operation.method, path, body, headers: ["x-api-key": key])
                        asked += 1
                        let isOfOne = operation.path.contains("_id}")
                        #expect(isOfOne ? answer.status == 404 : answer.status < 500, "\(path): \(answer.text)")
                        // An answer may repeat what it was asked, in the address or in a body of the caller's own.
                        let shown = own.secrets.filter { answer.text.contains($0) && body?.contains($0) != true }
                        #expect(shown.isEmpty, "\(operation.method) \(path): \(answer.text)")
                        if operation.path.hasSuffix("/replay"), answer.status == 200 {
                            #expect(answer.int("due") ?? 0 <= 4, "\(answer.text)")
                        }
                    }
                }
            }
            #expect(asked > 25, "\(asked)")
            #expect(try await contents(server, of: server.userID) == before)
            // The calls were good ones: the owner gets an answer by every one that only reads. Videos need a store:
            // those of others are asked for by the tests of that.
            for operation in document.operations
            where operation.method == "GET" && operation.path.contains("_id}") && !operation.path.contains("/videos/") {
                #expect(try await server.call("GET", operation.address(own.values)).status == 200, "\(operation.path)")
            }
        }
    }

    /// A body that the call takes, with some members of somebody else.
    private func body(_ operation: PublishedDocument.Operation, _ foreign: [String: String]) -> String {
        var members: [JSON.Member] = foreign.map { JSON.Member($0.key, .string($0.value)) }
        if operation.members.contains("items") { members.append(.init("items", .array([["prompt": "a stranger's"]]))) }
        if operation.members.contains("url") { members.append(.init("url", "https://stranger.example/x")) }
        if operation.members.contains("webhook_url") {
            members.append(.init("webhook_url", "https://stranger.example/"))
        }
        return JSON.object(members).compactText
    }
}
