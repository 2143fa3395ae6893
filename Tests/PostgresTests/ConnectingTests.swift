import Foundation
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ConnectingTests {
    private func answer(
        _ settings: ConnectionSettings,
        _ sql: String = "SELECT current_database()"
    ) async throws -> String {
        let connection = try await Connection.open(settings)
        let answer = try await connection.run { try $0.query(sql)[0].text(0) }
        await connection.close()
        return answer
    }

    private func failure(_ settings: ConnectionSettings) async throws -> PostgresError {
        try await #require(throws: PostgresError.self) { _ = try await Connection.open(settings) }
    }

    @Test func `URLs, keyword strings and options reach the same database`() async throws {
        try await withDatabase { settings in
            let folder = try #require(settings.options["host"])
            let name = try #require(settings.options["dbname"])
            let escaped = folder.split(separator: "/").map { "%2F" + $0 }.joined()
            let forms = [
                ConnectionSettings(conninfo: "postgresql://postgres@\(escaped):5432/\(name)"),
                ConnectionSettings(conninfo: "postgres:///\(name)?host=\(folder)&user=postgres"),
                ConnectionSettings(conninfo: "host=\(folder) user=postgres dbname=\(name)"),
                ConnectionSettings(conninfo: name, options: ["host": folder, "user": "postgres"]),
                ConnectionSettings(conninfo: "postgresql://postgres@\(escaped)/elsewhere", options: ["dbname": name]),
                ConnectionSettings(conninfo: "host=/nowhere,\(folder) user=postgres dbname=\(name)"),
            ]
            for form in forms {
                let reached = try await answer(form)
                #expect(reached == name)
            }
        }
    }

    @Test func `the application has a name unless the settings give another`() async throws {
        try await withDatabase { settings in
            let own = try await answer(settings, "SHOW application_name")
            #expect(own == "daybook-tests")
            var named = settings
            named.options["application_name"] = "other"
            let other = try await answer(named, "SHOW application_name")
            #expect(other == "other")
        }
    }

    @Test func `a missing database is told by its name`() async throws {
        let error = try await failure(try TestCluster.shared.settings(database: "no_such_books"))
        #expect(error.code == .databaseMissing)
        #expect(error.sqlState == .invalidDatabase)
        #expect(error.sentence.contains("no_such_books"))
    }

    @Test func `an unknown user is refused`() async throws {
        var settings = try TestCluster.shared.settings()
        settings.options["user"] = "nobody_known"
        let error = try await failure(settings)
        #expect(error.code == .authenticationFailed)
        #expect(error.sentence.contains("nobody_known"))
    }

    @Test(arguments: ["/nowhere", "/nowhere,/nowhere/else", "127.0.0.1"])
    func `a server that is not there is told at once`(host: String) async throws {
        let error = try await failure(ConnectionSettings(options: ["host": host, "port": "1", "dbname": "books"]))
        #expect(error.code == .connectionFailed)
        #expect(error.sentence.contains("/nowhere") || error.sentence.contains("127.0.0.1"))
        #expect(error.sentence.hasSuffix("."))
    }

    @Test func `a server that never answers is given up after the time limit`() async throws {
        let silence = try SilentServer()
        let settings = ConnectionSettings(
            options: ["host": "127.0.0.1", "port": String(silence.port), "dbname": "books"],
            connectTimeoutSeconds: 2
        )
        let started = ContinuousClock.now
        let error = try await failure(settings)
        #expect(error.code == .connectionFailed)
        #expect(error.sentence.contains("connect_timeout"))
        // Without a limit it would never end; how quick it is depends on what else runs on the machine.
        #expect(ContinuousClock.now - started < .seconds(60))
    }

    @Test func `connecting can be cancelled`() async throws {
        let silence = try SilentServer()
        let settings = ConnectionSettings(
            options: ["host": "127.0.0.1", "port": String(silence.port), "dbname": "books"],
            connectTimeoutSeconds: 0
        )
        let work = Task { _ = try await Connection.open(settings) }
        await silence.accepted()
        work.cancel()
        let error = await #expect(throws: PostgresError.self) { try await work.value }
        #expect(error?.code == .cancelled)
    }

    @Test func `too many connections are told as that`() async throws {
        let name = "narrow_\(UInt32.random(in: 0 ... .max))"
        let admin = try await Connection.open(try TestCluster.shared.settings())
        try await admin.run { session in
            try session.execute("CREATE ROLE \(name) LOGIN CONNECTION LIMIT 0")
        }
        var settings = try TestCluster.shared.settings()
        settings.options["user"] = name
        let error = try await failure(settings)
        #expect(error.code == .tooManyConnections)
        try await admin.run { try $0.execute("DROP ROLE \(name)") }
        await admin.close()
    }

    @Test func `services and the environment are read as libpq reads them`() async throws {
        try await withDatabase { settings in
            try Handover.give(try #require(settings.options["host"]), "services-host")
            try Handover.give(try #require(settings.options["dbname"]), "services-database")
            // In a process of its own, because the environment belongs to all of one.
            await #expect(processExitsWith: .success) {
                let folder = try Handover.take("services-host")
                let name = try Handover.take("services-database")
                let file = NSTemporaryDirectory() + "/daybook-services-\(UUID().uuidString)"
                let services = """
                    [books]
                    host=\(folder)
                    user=postgres
                    dbname=\(name)
                    application_name=from the service
                    connect_timeout=33
                    """
                try Data(services.utf8).write(to: URL(fileURLWithPath: file))
                defer { try? FileManager.default.removeItem(atPath: file) }
                setenv("PGSERVICEFILE", file, 1)
                let tests = ConnectingTests()
                let sql = "SELECT current_database() || ' as ' || current_setting('application_name')"
                let byService = try await tests.answer(ConnectionSettings(conninfo: "service=books"), sql)
                #expect(byService == "\(name) as from the service")
                let overridden = ConnectionSettings(
                    conninfo: "service=books application_name=given",
                    options: ["dbname": "postgres"]
                )
                let byString = try await tests.answer(overridden, sql)
                #expect(byString == "postgres as given")
                setenv("PGSERVICE", "books", 1)
                let byVariable = try await tests.answer(ConnectionSettings(), sql)
                #expect(byVariable == "\(name) as from the service")
                unsetenv("PGSERVICE")
                for (variable, value) in [("PGHOST", folder), ("PGUSER", "postgres"), ("PGDATABASE", name)] {
                    setenv(variable, value, 1)
                }
                let byEnvironment = try await tests.answer(ConnectionSettings(), sql)
                #expect(byEnvironment == "\(name) as daybook")
                let missing = try await tests.failure(ConnectionSettings(conninfo: "service=no_such_service"))
                #expect(missing.code == .invalidSettings)
            }
            try Handover.end("services-host")
            try Handover.end("services-database")
        }
    }

    @Test func `two hundred connections leave no descriptor open`() async throws {
        try Handover.give(try TestCluster.shared.folder, "descriptors-host")
        await #expect(processExitsWith: .success) {
            let folder = try Handover.take("descriptors-host")
            let settings = ConnectionSettings(options: ["host": folder, "user": "postgres", "dbname": "postgres"])
            let tests = ConnectingTests()
            // What the first ones open once for all does not count.
            for _ in 1...3 { _ = try await tests.answer(settings) }
            let before = try ProcessStatus.openDescriptors()
            for number in 1...200 {
                let connection = try await Connection.open(settings)
                try await connection.run { try $0.execute("SELECT 1") }
                // Half of them are left to be closed with their last reference.
                if number.isMultiple(of: 2) { await connection.close() }
                var missing = settings
                missing.options["dbname"] = "no_such_books"
                _ = try await tests.failure(missing)
            }
            let after = try ProcessStatus.openDescriptors()
            #expect(after <= before)
        }
        try Handover.end("descriptors-host")
    }
}

/// What Linux says of this process.
enum ProcessStatus {
    /// The most memory that was ever resident (`VmHWM`), in kB.
    static func peakKilobytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
            return line.split(separator: " ").compactMap { Int($0) }.first ?? 0
        }
        return 0
    }

    /// How many descriptors are open.
    static func openDescriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }
}
