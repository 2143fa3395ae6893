import Domain
import Formats
import Foundation
import Postgres
import TestSupport
import Testing

/// Lists that are walked while they grow: nothing comes twice, and nothing is left out.
@Suite(.timeLimit(.minutes(4))) struct ListingTests {
    private func ids(_ answer: LiveServer.Answer, _ list: String, _ member: String) -> [String] {
        answer.array(list).compactMap { if case .string(let id)? = $0[member] { id } else { nil } }
    }

    @Test func `batches are found by request_id and by status, and page by page while others are made`() async throws {
        try await LiveServer.run { server in
            var made: [String] = []
            for number in 0..<7 {
                let created = try await server.call("POST", "/v1/batches", LiveServer.batch(1, requestID: "r\(number)"))
                made.insert(try #require(created.string("batch_id")), at: 0)
            }
            var seen: [String] = []
            var query = "?limit=3"
            while true {
                let page = try await server.call("GET", "/v1/batches\(query)")
                #expect(page.status == 200 && page.int("limit") == 3, "\(page.text)")
                seen += ids(page, "batches", "batch_id")
                // In front of what was read: no page moves.
                _ = try await server.call("POST", "/v1/batches", LiveServer.batch(1))
                guard let next = page.string("next_cursor") else { break }
                query = "?limit=3&cursor=\(next)"
            }
            #expect(seen == made)
            let found = try await server.call("GET", "/v1/batches?request_id=r3")
            #expect(ids(found, "batches", "batch_id") == [made[3]] && found.body["next_cursor"] == .null)
            let one = try await server.call("GET", "/v1/batches/\(made[3])")
            if case .object(let members) = one.body {
                #expect(found.array("batches") == [.object(Array(members.dropFirst()))])
            }
            #expect(try await server.call("POST", "/v1/batches/\(made[0])/cancel").status == 200)
            let cancelled = try await server.call("GET", "/v1/batches?status=cancelled")
            #expect(ids(cancelled, "batches", "batch_id") == [made[0]])
            #expect(try await server.call("GET", "/v1/batches?request_id=none").array("batches").isEmpty)
            for wrong in ["cursor=x", "cursor=i1.\(made[0])", "cursor=b1", "status=done", "limit=0"] {
                let refused = try await server.call("GET", "/v1/batches?\(wrong)")
                #expect(refused.status == 400 && refused.error == "INVALID_REQUEST", "\(wrong): \(refused.text)")
            }
        }
    }

    @Test func `results give each item once, in whichever order they end`() async throws {
        try await LiveServer.run { server in
            let created = try await server.call("POST", "/v1/batches", LiveServer.batch(30))
            let path = "/v1/batches/\(try #require(created.string("batch_id")))/results"
            try await execute(
                """
                UPDATE daybook.task SET state = 'accepted', provider_task_id = task_id::text, accepted_at = created_at,
                    deadline_at = created_at + interval '1 hour' WHERE state = 'ready'
                """, in: server.settings)
            let none = try await server.call("GET", path)
            #expect(none.status == 200 && none.text.isEmpty && none.headers["content-type"] == "application/jsonl")
            let start = try #require(none.headers["x-next-cursor"])
            try await execute(Self.ending(10..<20), in: server.settings)
            let first = try await server.call("GET", "\(path)?cursor=\(start)")
            #expect(Self.indexes(first) == Array(10..<20) && first.headers["x-results-complete"] == "false")
            try await execute(Self.ending(0..<10), in: server.settings)
            let cursor = try #require(first.headers["x-next-cursor"])
            let second = try await server.call("GET", "\(path)?cursor=\(cursor)")
            #expect(Self.indexes(second) == Array(0..<10))
            // Asked again with the cursor of before, the same comes again: an answer that got lost is not lost.
            #expect(Self.indexes(try await server.call("GET", "\(path)?cursor=\(cursor)")) == Array(0..<10))
            try await execute(Self.ending(20..<30), in: server.settings)
            var seen: [Int64] = []
            var next = second.headers["x-next-cursor"]
            while let cursor = next {
                let page = try await server.call("GET", "\(path)?limit=4&cursor=\(cursor)")
                seen += Self.indexes(page)
                next = page.headers["x-results-complete"] == "true" ? nil : page.headers["x-next-cursor"]
            }
            #expect(seen == Array(20..<30))
            let all = try await server.call("GET", path)
            #expect(Self.indexes(all) == Array(0..<30) && all.headers["x-results-complete"] == "true")
            let line = try JSON(parsing: Array(all.text.utf8.split(separator: 0x0A)[3]))
            #expect(line["video_url"] == "https://v.example/3" && line["status"] == "succeeded")
            for wrong in ["cursor=r", "cursor=r0.*", "cursor=r-1.", "cursor=r9999999.", "limit=x"] {
                #expect(try await server.call("GET", "\(path)?\(wrong)").status == 400, "\(wrong)")
            }
        }
    }

    /// A statement that ends some tasks well.
    private static func ending(_ places: Range<Int>) -> String {
        """
        SELECT count(x) FROM (
            SELECT user_id, batch_id, array_agg(task_id ORDER BY batch_index) AS tasks,
                array_agg('succeeded'::text) AS states, array_agg(NULL::text) AS nothing,
                array_agg('https://v.example/' || batch_index ORDER BY batch_index) AS urls
            FROM daybook.task WHERE batch_index BETWEEN \(places.lowerBound) AND \(places.upperBound - 1)
            GROUP BY user_id, batch_id
        ) AS t
        CROSS JOIN LATERAL daybook.end_tasks(t.user_id, t.batch_id, t.tasks, ARRAY['accepted'], t.states, t.nothing,
            t.nothing, t.nothing, t.urls) AS x;
        """
    }

    private static func indexes(_ answer: LiveServer.Answer) -> [Int64] {
        answer.text.split(separator: "\n").compactMap { line in
            guard let line = try? JSON(parsing: Array(line.utf8)), case .number(let text)? = line["index"] else {
                return nil
            }
            return Int64(text)
        }
    }

    @Test func `items and the ledger are walked by cursor while entries arrive`() async throws {
        try await LiveServer.run { server in
            let created = try await server.call("POST", "/v1/batches", LiveServer.batch(11))
            let batchID = try #require(created.string("batch_id"))
            var (items, query): ([JSON], String) = ([], "?limit=4")
            while true {
                let page = try await server.call("GET", "/v1/batches/\(batchID)/items\(query)")
                items += page.array("items")
                guard let next = page.string("next_cursor") else { break }
                query = "?limit=4&cursor=\(next)"
            }
            #expect(items.map { $0["index"] } == (0..<11).map { JSON.integer($0) })
            #expect(try await server.call("GET", "/v1/batches/\(batchID)/items\(query)&offset=1").status == 400)

            for _ in 0..<4 { _ = try await server.call("POST", "/v1/batches", LiveServer.batch(1)) }
            let before = try await server.call("GET", "/v1/credits/ledger").array("entries").map { $0["id"] }
            var seen: [JSON?] = []
            query = "?limit=2"
            while true {
                let page = try await server.call("GET", "/v1/credits/ledger\(query)")
                seen += page.array("entries").map { $0["id"] }
                _ = try await server.call("POST", "/v1/batches", LiveServer.batch(1))
                guard let next = page.string("next_cursor") else { break }
                query = "?limit=2&cursor=\(next)"
            }
            #expect(seen == before && before.count == 6)
        }
    }

    @Test func `an item comes back under the name that the customer gave it, which no other of its batch has`()
        async throws
    {
        try await LiveServer.run { server in
            func body(_ names: [String]) -> String {
                let items = names.map { #"{"prompt":"a","custom_id":\#($0)}"# }
                return "{\"request_id\":\"r\",\"items\":[\(items.joined(separator: ","))]}"
            }
            let twice = try await server.call("POST", "/v1/batches", body([#""a""#, "null", #""""#, #""a""#]))
            #expect(twice.string("message") == "items[3].custom_id is that of items[0] already.", "\(twice.text)")
            let long = try await server.call("POST", "/v1/batches", body(["\"\(String(repeating: "x", count: 129))\""]))
            #expect(long.string("message") == "items[0].custom_id must have 1 to 128 characters, not 129.")
            #expect(try await server.call("POST", "/v1/batches", body(["7"])).status == 400)
            let names = [#""shelf/é""#, "null", #""""#, #""b""#]
            let created = try await server.call("POST", "/v1/batches", body(names))
            let batchID = try #require(created.string("batch_id"), "\(created.text)")
            #expect(try await server.call("POST", "/v1/batches", body(names)).body["idempotent_replay"] == true)
            #expect(
                try await server.call("POST", "/v1/batches", body([#""shelf/é""#, "null", "null", #""c""#])).status
                    == 409)
            let items = try await server.call("GET", "/v1/batches/\(batchID)/items").array("items")
            #expect(items.map { $0["custom_id"] } == ["shelf/é", .null, .null, "b"])
            _ = try await server.call("POST", "/v1/batches/\(batchID)/cancel")
            let results = try await server.call("GET", "/v1/batches/\(batchID)/results")
            let lines = try results.text.split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) }
            #expect(lines.map { $0["custom_id"] } == ["shelf/é", .null, .null, "b"])
            #expect(lines.allSatisfy { $0["reason"] == "cancelled" })
        }
    }

    @Test func `a batch counts every item in one number, and its receipt is what the ledger's own command writes`()
        async throws
    {
        try await LiveServer.run { server in
            let created = try await server.call("POST", "/v1/batches", LiveServer.batch(6))
            let batchID = try #require(created.string("batch_id"))
            try await execute(
                """
                UPDATE daybook.task SET state = 'accepted', provider_task_id = task_id::text, accepted_at = created_at,
                    deadline_at = created_at + interval '1 hour' WHERE batch_index IN (0, 1);
                UPDATE daybook.task SET state = 'intent' WHERE batch_index = 2;
                UPDATE daybook.task SET state = 'unknown' WHERE batch_index = 3;
                \(Self.ending(0..<1))
                """, in: server.settings)
            let batch = try await server.call("GET", "/v1/batches/\(batchID)")
            #expect(
                batch.body["counts"] == ["pending": 2, "running": 2, "unknown": 1, "succeeded": 1, "failed": 0],
                "\(batch.text)")
            #expect(try await server.call("POST", "/v1/batches/\(batchID)/cancel").status == 200)
            let conninfo = Deployment.conninfo(server.settings)
            let written = try await ProgramRun.expectingSuccess(
                ["ledger", "receipt", batchID, "--database", conninfo])
            let receipt = try await server.call("GET", "/v1/batches/\(batchID)/receipt")
            #expect(receipt.body["receipt"] == (try JSON(parsing: Array(written.utf8))), "\(receipt.text)")
            #expect(receipt.body["receipt"]?["credits"]?["held"] == 40 && receipt.body["receipt"]?["conserved"] == true)

            let foreign = UUID().uuidString.lowercased()
            try await execute(
                """
                INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, frozen_credits,
                    credits_spent, settlement_status)
                VALUES ('\(foreign)', '\(server.userID)', 'failed', 4, 10, 0, 0, 'finalized')
                """, in: server.settings)
            let none = try await server.call("GET", "/v1/batches/\(foreign)/receipt")
            #expect(none.status == 404 && none.error == "RECEIPT_NOT_FOUND")
            #expect(try await server.call("GET", "/v1/batches").array("batches").count == 2)
        }
    }
}
