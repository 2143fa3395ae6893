import Foundation
import Postgres
import TestSupport
import Testing

/// The minutes of the API as it counts them itself, up to the SLA report.
@Suite(.timeLimit(.minutes(4))) struct OwnMinutesTests {
    private func sums(_ settings: ConnectionSettings) async throws -> [String] {
        try await RowReader.lines(
            """
            SELECT concat_ws(' ', sum(requests), sum(server_errors),
                (SELECT sum(a) FROM daybook.served_minute AS o, unnest(o.answers) AS a), count(DISTINCT server_id))
            FROM daybook.served_minute
            """, settings)
    }

    @Test func `calls with a key and errors of the server are counted, written at the end, and stand in the report`()
        async throws
    {
        try await LiveServer.run { server in
            for _ in 0..<5 { #expect(try await server.call("GET", "/v1/credits/balance").status == 200) }
            #expect(try await server.call("GET", "/v1/batches/\(UUID())").status == 404)
            // Nobody's minutes: strangers, those who watch, and what is no call.
            let stranger = ["x-api-key": "dbk_live_nobody"], none = ["x-api-key": ""]
            for _ in 0..<3 { #expect(try await server.call("GET", "/v1/batches", headers: stranger).status == 403) }
            for path in ["/healthz", "/readyz", "/metrics", "/openapi.yaml"] {
                #expect(try await server.call("GET", path, headers: none).status == 200)
            }
            #expect(try await server.call("GET", "/nothing").status == 404)
            // What fails here counts, with a key and without.
            try await execute("ALTER TABLE daybook.lot RENAME TO gone", in: server.settings)
            for _ in 0..<2 { #expect(try await server.call("GET", "/v1/credits/balance").status == 500) }
            try await execute("ALTER TABLE daybook.gone RENAME TO lot", in: server.settings)
            await server.program.stop()
            #expect(try await sums(server.settings) == ["8 2 8 1"])

            // Another server has minutes of its own; of one that is killed the last ones are lost, and no more.
            try await LiveServer.run(on: server.settings, userID: server.userID, key: server.key) { other in
                let answer = try await other.call("GET", "/v1/credits/balance")
                #expect(answer.status == 200)
                await other.program.stop()
            }
            #expect(try await sums(server.settings) == ["9 2 9 2"])
            try await LiveServer.run(on: server.settings, userID: server.userID, key: server.key) { other in
                let answer = try await other.call("GET", "/v1/credits/balance")
                #expect(answer.status == 200)
                kill(other.program.processID, SIGKILL)
            }
            #expect(try await sums(server.settings).first?.hasPrefix("9 2 9 ") == true)

            try await report(server.settings)
        }
    }

    /// The minute that goes on is no report's yet: what was counted is moved into the ones before.
    private func report(_ settings: ConnectionSettings) async throws {
        try await execute(
            "UPDATE daybook.served_minute SET minute = minute - interval '10 minutes'", in: settings)
        let month = try await RowReader.lines(
            "SELECT to_char(min(minute) AT TIME ZONE 'UTC', 'YYYY-MM') FROM daybook.served_minute", settings)[0]
        let folder = try ScratchFolder()
        let run = try await ProgramRun([
            "report", "sla", "--quiet", "--month", month, "--format", "csv", "--output", folder.path, "--database",
            Deployment.conninfo(settings),
        ])
        #expect(run.exitCode == 0, "\(run.errors)")
        let file = try #require(try folder.contents().first { $0.key.hasSuffix("/availability_within.csv") })
        let lines = String(decoding: file.value, as: UTF8.self).components(separatedBy: "\r\n")
        #expect(lines[1].contains(",9,2,77.7777,0."), "\(lines)")
        // No prober to stand beside.
        #expect(lines[1].hasPrefix(","), "\(lines)")
    }
}
