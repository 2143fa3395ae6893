import Postgres
import Testing

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
}
