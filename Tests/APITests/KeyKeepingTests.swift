import Domain
import Formats
import Foundation
import Postgres
import TestSupport
import Testing

/// How an operator keeps keys: who used them, and those that an application gave out.
@Suite(.timeLimit(.minutes(6))) struct KeyKeepingTests {
    private func keys(_ settings: ConnectionSettings, _ words: [String]) async throws -> ProgramRun {
        try await ProgramRun(
            ["keys"] + words + ["--database", Deployment.conninfo(settings)], program: LiveServer.daybookd)
    }

    @Test func `who used what is counted by key, day and call, and no request waits for it`() async throws {
        try await LiveServer.run(keyOptions: ["--rate-limit", "10000"]) { server in
            let created = try await server.call("POST", "/v1/batches", LiveServer.batch(1))
            let batchID = try #require(created.string("batch_id"))
            for _ in 0..<3 { #expect(try await server.call("GET", "/v1/batches/\(batchID)").status == 200) }
            #expect(try await server.call("GET", "/v1/batches/\(UUID())").status == 404)
            #expect(try await server.call("POST", "/api/v1/batches", "{").status == 400)
            // Nothing was written on the way.
            #expect(try await server.count("SELECT count(*) FROM daybook.key_usage") == 0)
            #expect(try await server.count("SELECT count(*) FROM daybook.api_key WHERE last_used_at IS NULL") == 1)
            await server.program.stop()

            let rows = try await RowReader.lines(
                """
                SELECT concat_ws(' ', endpoint, calls, errors) FROM daybook.key_usage
                WHERE day = (clock_timestamp() AT TIME ZONE 'UTC')::date AND last_at <= clock_timestamp() ORDER BY 1
                """, server.settings)
            #expect(
                rows == [
                    "GET /v1/batches/{id} 4 1", "POST /api/v1/batches 1 1", "POST /v1/batches 1 0",
                ], "\(rows)")
            let shown = try await keys(server.settings, ["show", String(server.key.prefix(15))])
            for words in ["127.0.0.1", "in use", "read,write", "everywhere", "GET /v1/batches/{id}"] {
                #expect(shown.exitCode == 0 && shown.output.contains(words), "\(words): \(shown.output)\(shown.errors)")
            }
            let usage = try await keys(server.settings, ["usage", "--days", "1"])
            let lines = usage.output.split(separator: "\n")
            // The request log tells of nothing that was not counted.
            #expect(lines.count == 5 && usage.exitCode == 0, "\(usage.output)\(usage.errors)")
            let listed = try await keys(server.settings, ["list"])
            #expect(!listed.output.contains("never") && !listed.output.contains(server.key), "\(listed.output)")

            // Counted on, by the next server; an address of long ago is forgotten.
            try await execute(
                "UPDATE daybook.api_key SET last_used_at = last_used_at - interval '31 days'", in: server.settings)
            try await LiveServer.run(on: server.settings, userID: server.userID, key: server.key) { again in
                let answer = try await again.call("GET", "/v1/batches/\(batchID)")
                #expect(answer.status == 200)
            }
            #expect(try await server.count("SELECT sum(calls)::bigint FROM daybook.key_usage") == 7)
            try await execute(
                "UPDATE daybook.api_key SET last_used_at = last_used_at - interval '31 days'; "
                    + "SELECT daybook.note_last_use('{}', '{}', '{}', '{}')", in: server.settings)
            #expect(try await server.count("SELECT count(*) FROM daybook.api_key WHERE last_used_from IS NULL") == 1)
        }
    }

    @Test func `keys in clear are hashed and go on working, and what stood there is gone`() async throws {
        try await LiveServer.run { server in
            let strong = String(repeating: "aB3", count: 21) + "z"
            try await execute(
                """
                ALTER TABLE enterprise_api_keys ADD CONSTRAINT tried CHECK (name <> 'bound' OR length(api_key) = 30);
                INSERT INTO enterprise_api_keys (user_id, api_key, name, is_active, rate_limit_per_min, created_at)
                VALUES ('\(server.userID)', '\(strong)', 'strong', true, 77, now() - interval '3 days'),
                    ('\(server.userID)', 'short-one', 'short', true, 60, now() - interval '2 days'),
                    ('\(server.userID)', 'switched-off-key-of-the-application', 'off', false, 60,
                        now() - interval '1 day'),
                    ('\(server.userID)', 'bound-to-its-length-by-a-check', 'bound', true, 60, now())
                """, in: server.settings)
            func status(_ key: String) async throws -> LiveServer.Answer {
                try await server.call("GET", "/v1/batches", headers: ["x-api-key": key])
            }
            #expect(try await status(strong).status == 200)
            let listed = try await keys(server.settings, ["list"])
            #expect(listed.output.components(separatedBy: " clear ").count == 4, "\(listed.output)")
            #expect(!listed.output.contains("short-one") && !listed.output.contains(strong))

            let trial = try await keys(server.settings, ["adopt", "--dry-run"])
            #expect(
                trial.exitCode == 2 && trial.output.contains("would be taken over: 3 keys; left in clear: 1; nothing"))
            #expect(try await server.count("SELECT count(*) FROM daybook.api_key") == 1)
            let adopted = try await keys(server.settings, ["adopt"])
            #expect(adopted.exitCode == 2, "\(adopted.output)\(adopted.errors)")
            for words in ["taken over: 3 keys; left in clear: 1", "its constraint tried", "can be guessed"] {
                #expect(adopted.output.contains(words), "\(words): \(adopted.output)")
            }
            #expect(!adopted.errors.contains("bound-to"))

            let answer = try await status(strong)
            #expect(answer.status == 200 && answer.headers["ratelimit-policy"] == #""key";q=77;w=60"#, "\(answer.text)")
            #expect(try await status("short-one").status == 200)
            #expect(try await status("bound-to-its-length-by-a-check").status == 200)
            #expect(try await status("switched-off-key-of-the-application").status == 403)
            let words = try await RowReader.lines(
                "SELECT api_key FROM enterprise_api_keys WHERE name IN ('strong', 'short', 'off')", server.settings)
            for text in words { #expect(try await status(text).status == 403, "\(text)") }
            for key in [strong, "short-one", "switched-off-key-of-the-application"] {
                for table in ["public.enterprise_api_keys", "daybook.api_key"] {
                    let found = "SELECT count(*) FROM \(table) AS t WHERE strpos(t::text, '\(key)') > 0"
                    #expect(try await server.count(found) == 0, "\(table)")
                }
            }
            let again = try await keys(server.settings, ["adopt"])
            #expect(again.output.contains("taken over: 0 keys; left in clear: 1"), "\(again.output)")
            try await execute("ALTER TABLE enterprise_api_keys DROP CONSTRAINT tried", in: server.settings)
            #expect(try await keys(server.settings, ["adopt"]).exitCode == 0)
            let none = try await keys(server.settings, ["adopt"])
            #expect(none.exitCode == 0 && none.output == "no key is kept in clear\n", "\(none.output)")
            let id = try await RowReader.lines(
                "SELECT key_id::text FROM daybook.api_key WHERE name = 'strong'", server.settings)[0]
            #expect(try await keys(server.settings, ["revoke", id]).output == "revoked\n")
            #expect(try await status(strong).status == 403)
        }
    }
}

/// The first column of a query, as text.
enum RowReader {
    static func lines(_ sql: String, _ settings: ConnectionSettings) async throws -> [String] {
        let connection = try await Connection.open(settings)
        let lines = try await connection.run { try $0.query(sql).map { try $0.text(0) } }
        await connection.close()
        return lines
    }
}
