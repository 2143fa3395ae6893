import Foundation
import Postgres
import TestSupport
import Testing

/// `daybookd serve` while its database takes no changes, and when it does again: the same process all the while.
@Suite struct FailoverTests {
    /// A database of the engine on a server of the test's own, with a customer and a key.
    private struct Books {
        let settings: ConnectionSettings
        let userID: String
        let key: String

        init(in cluster: TestCluster) async throws {
            settings = try await TestDatabase.create(in: cluster).settings
            let database = ["--database", Deployment.conninfo(settings)]
            try await ProgramRun.expectingSuccess(["database", "migrate"] + database)
            userID = try await TestCustomer.create(in: settings, purchased: 100_000)
            key = try await ProgramRun.expectingSuccess(
                ["keys", "create", "--user", userID, "--name", "tests"] + database, program: LiveServer.daybookd
            ).trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    /// Every kind of call is told to try again, and the service says that it cannot work.
    private static func expectUnavailable(_ server: LiveServer, batchID: String) async throws {
        try await wait(for: 503, server)
        for (method, path, body) in [
            ("POST", "/batches", LiveServer.batch(2)), ("GET", "/batches/\(batchID)", nil),
            ("GET", "/batches/\(batchID)/items", nil), ("POST", "/batches/\(batchID)/cancel", nil),
            ("GET", "/credits/balance", nil), ("GET", "/readyz", nil),
        ] {
            let answer = try await server.call(method, path, body)
            #expect(answer.status == 503 && answer.error == "SERVICE_UNAVAILABLE", "\(method) \(path): \(answer.text)")
            #expect(answer.headers["retry-after"] == "2", "\(method) \(path)")
        }
        #expect(try await server.call("GET", "/healthz").status == 200)
    }

    /// The service works again, and what was refused meanwhile was not stored.
    private static func expectWorking(
        _ server: LiveServer, batchID: String, _ settings: ConnectionSettings
    ) async throws {
        try await wait(for: 200, server)
        for _ in 1...10 {
            let answer = try await server.call("GET", "/batches/\(batchID)")
            #expect(answer.status == 200, "\(answer.text)")
        }
        let created = try await server.call("POST", "/batches", LiveServer.batch(1))
        #expect(created.status == 200, "\(created.text)")
        let connection = try await Connection.open(settings)
        let batches = try await connection.run { try $0.query("SELECT count(*) FROM daybook.batch")[0].int(0) }
        await connection.close()
        #expect(batches == 2)
    }

    /// Waits until `/readyz` answers so; it asks the database once a second at most.
    private static func wait(for status: Int, _ server: LiveServer) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        var last = try await server.call("GET", "/readyz")
        while last.status != status, ContinuousClock.now < deadline { last = try await server.call("GET", "/readyz") }
        #expect(last.status == status, "\(last.text)")
    }

    private static func create(_ server: LiveServer) async throws -> String {
        let created = try await server.call("POST", "/batches", LiveServer.batch(1, requestID: "the first"))
        return try #require(created.string("batch_id"), "\(created.text)")
    }

    @Test func `a database that is made read-only for a while is not available for that while`() async throws {
        try await LiveServer.run { server in
            let batchID = try await Self.create(server)
            let name = try #require(server.settings.options["dbname"])
            var writable = server.settings
            writable.options["options"] = "-c default_transaction_read_only=off"
            // Sessions that are there go on as they began: the service's are ended, as a restart would.
            let end = """
                SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                """
            try await execute("ALTER DATABASE \(name) SET default_transaction_read_only = on", in: writable)
            try await execute(end, in: writable)
            try await Self.expectUnavailable(server, batchID: batchID)
            try await execute("ALTER DATABASE \(name) RESET default_transaction_read_only", in: writable)
            try await Self.expectWorking(server, batchID: batchID, server.settings)
            #expect(server.program.errors.contains("read_only_database"))
            #expect(!server.program.errors.contains("Request failed"))
        }
    }

    @Test func `a failover to a standby is over when the standby is promoted`() async throws {
        let primary = try TestCluster(hbaLines: StandbyPair.admission)
        let books = try await Books(in: primary)
        let pair = try StandbyPair(of: primary)
        try await LiveServer.run(on: pair.onEither(books.settings), userID: books.userID, key: books.key) { server in
            let batchID = try await Self.create(server)
            try await pair.catchUp()
            try pair.primary.stop(mode: "immediate")
            // What is left is a standby: it can be read, and takes no changes.
            try await Self.expectUnavailable(server, batchID: batchID)
            #expect(server.program.errors.contains("error.code=standby"), "\(server.program.errors)")
            try pair.standby.promote()
            try await Self.expectWorking(server, batchID: batchID, pair.onStandby(books.settings))
            #expect(!server.program.errors.contains("Request failed"))
        }
        try pair.standby.stop()
    }

    @Test func `a service does not begin on a database that takes no changes`() async throws {
        try await withEngine { settings in
            var readOnly = settings
            readOnly.options["options"] = "-c default_transaction_read_only=on"
            for command in [["serve", "--port", "0"], ["work", "--provider", "http://127.0.0.1:9"]] {
                let run = try await ProgramRun(
                    command + ["--database", Deployment.conninfo(readOnly)], program: LiveServer.daybookd,
                    environment: ["GRSAI_API_KEY": "sk-test"])
                #expect(run.exitCode == 78 && run.errors.contains("takes no changes"), "\(command): \(run.errors)")
            }
        }
    }
}
