import Testing

@testable import Postgres

@Suite struct SettingsTests {
    @Test(arguments: [
        "postgresql://reader:p4ssw0rd@db.example:5433/books?sslmode=require",
        "postgres://reader:p4ssw0rd@db.example/books",
        "postgresql://db.example/books?user=reader&password=p4ssw0rd",
        "host=db.example user=reader password=p4ssw0rd dbname=books",
        "host=db.example user=reader password='p4ssw0rd with \\' quote' dbname=books sslpassword=p4ssw0rd",
    ])
    func `descriptions show where, and never a password`(conninfo: String) {
        let settings = ConnectionSettings(conninfo: conninfo, options: ["password": "p4ssw0rd2"])
        var dumped = ""
        dump(settings, to: &dumped)
        for text in ["\(settings)", String(reflecting: settings), dumped, "\([settings])"] {
            #expect(!text.contains("p4ss"))
            #expect(text.contains("db.example"))
            #expect(text.contains("password=****"))
        }
    }

    @Test(arguments: ["postgresql://reader:p4ss@[broken/books", "host=x password=p4ss =", "postgres://u:p4ss%zz@h/d"])
    func `an unreadable connection string is refused without being repeated`(conninfo: String) async throws {
        let settings = ConnectionSettings(conninfo: conninfo)
        #expect(!"\(settings)".contains("p4ss"))
        let error = try await #require(throws: PostgresError.self) { _ = try await Connection.open(settings) }
        #expect(error.code == .invalidSettings)
        #expect(!error.debugDescription.contains("p4ss"))
    }

    @Test func `an unknown keyword is refused`() async throws {
        let error = try await #require(throws: PostgresError.self) {
            _ = try await Connection.open(ConnectionSettings(options: ["host": "/tmp", "pasword": "p4ss"]))
        }
        #expect(error.code == .invalidSettings)
        #expect(!error.debugDescription.contains("p4ss"))
    }

    private func planned(_ settings: ConnectionSettings) throws -> [String: String] {
        // Later ones win, as in libpq.
        Dictionary(try settings.plan().parameters.map { ($0.keyword, $0.value) }) { _, later in later }
    }

    @Test func `a dead peer is noticed and connecting is limited unless the settings say otherwise`() throws {
        let ours = try planned(ConnectionSettings(conninfo: "host=db.example"))
        #expect(ours["connect_timeout"] == "10" && ours["tcp_user_timeout"] == "60000")
        #expect(ours["keepalives_idle"] == "30" && ours["keepalives_interval"] == "10")
        #expect(ours["keepalives_count"] == "3" && ours["fallback_application_name"] == "daybook")
        let given = ConnectionSettings(
            conninfo: "host=db.example keepalives_idle=7 connect_timeout=3",
            options: ["tcp_user_timeout": "5"]
        )
        let theirs = try given.plan().parameters.map(\.keyword)
        #expect(!theirs.contains("keepalives_idle") && !theirs.contains("connect_timeout"))
        #expect(theirs.filter { $0 == "tcp_user_timeout" }.count == 1)
        #expect(try given.plan().limitSeconds == 3)
    }

    @Test(arguments: [(0, nil), (1, 2), (30, 30)] as [(Int, Int?)])
    func `the time to connect is limited as libpq counts`(seconds: Int, limit: Int?) throws {
        #expect(try ConnectionSettings(connectTimeoutSeconds: seconds).plan().limitSeconds == limit)
        let conninfo = "postgresql://db.example/?connect_timeout=\(seconds)"
        #expect(try ConnectionSettings(conninfo: conninfo).plan().limitSeconds == limit)
    }

    @Test(arguments: [("host=a,b", true), ("hostaddr=10.0.0.1,10.0.0.2", true), ("host=a", false), ("", false)])
    func `several hosts are left to libpq`(conninfo: String, several: Bool) throws {
        #expect(try ConnectionSettings(conninfo: conninfo).plan().hasSeveralHosts == several)
    }
}
