import Foundation
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct TLSTests {
    /// A server on the loopback with a certificate for another name, which asks for a password.
    private static let server = Result {
        let folder = NSTemporaryDirectory() + "/daybook-certificate-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Command.run([
            "/usr/bin/openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "rsa:2048",
            "-subj", "/CN=books.example", "-addext", "subjectAltName=DNS:books.example",
            "-keyout", folder + "/server.key", "-out", folder + "/server.crt",
        ])
        let read = { (name: String) in try String(contentsOfFile: folder + "/" + name, encoding: .utf8) }
        return try TestCluster(
            port: SilentServer().port,
            settings: ["listen_addresses": "127.0.0.1", "ssl": "on", "password_encryption": "scram-sha-256"],
            hbaLines: ["hostssl all all 127.0.0.1/32 scram-sha-256"],
            files: ["server.key": read("server.key"), "server.crt": read("server.crt")]
        )
    }

    /// Settings for the loopback, with a role that has a password.
    private func settings(sslmode: String, password: String? = "correct horse") async throws -> ConnectionSettings {
        let cluster = try Self.server.get()
        let admin = try await Connection.open(cluster.settings())
        try await admin.run { session in
            try session.executeScript(
                """
                DO $$ BEGIN
                    PERFORM pg_advisory_xact_lock(1);
                    IF to_regrole('reader') IS NULL THEN CREATE ROLE reader LOGIN PASSWORD 'correct horse'; END IF;
                END $$
                """
            )
        }
        await admin.close()
        var options = [
            "host": "127.0.0.1", "port": String(cluster.port), "user": "reader", "dbname": "postgres",
            "sslmode": sslmode, "sslrootcert": cluster.folder + "/data/server.crt", "passfile": "/nowhere",
        ]
        options["password"] = password
        return ConnectionSettings(options: options)
    }

    private func failure(_ settings: ConnectionSettings) async throws -> PostgresError {
        try await #require(throws: PostgresError.self) { _ = try await Connection.open(settings) }
    }

    @Test(arguments: ["require", "verify-ca"])
    func `a connection is encrypted when it has to be`(sslmode: String) async throws {
        let connection = try await Connection.open(try await settings(sslmode: sslmode))
        let isEncrypted = try await connection.run { session in
            try session.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[0].bool(0)
        }
        #expect(isEncrypted)
        await connection.close()
    }

    @Test func `a certificate for another name is refused where names are verified`() async throws {
        let error = try await failure(try await settings(sslmode: "verify-full"))
        #expect(error.code == .tlsFailed)
        #expect(error.message?.contains("books.example") == true)
        var named = try await settings(sslmode: "verify-full")
        named.options["host"] = "books.example"
        named.options["hostaddr"] = "127.0.0.1"
        let connection = try await Connection.open(named)
        await connection.close()
    }

    @Test func `a certificate of nobody we know is refused`() async throws {
        var unknown = try await settings(sslmode: "verify-ca")
        unknown.options["sslrootcert"] = "/nowhere"
        #expect(try await failure(unknown).code == .tlsFailed)
    }

    @Test func `a server that wants TLS refuses to do without`() async throws {
        let error = try await failure(try await settings(sslmode: "disable"))
        #expect(error.code == .authenticationFailed)
        #expect(error.sqlState == .invalidAuthorization)
    }

    @Test func `TLS is refused where the server has none`() async throws {
        let silence = try SilentServer()
        let error = try await failure(
            ConnectionSettings(
                options: ["host": "127.0.0.1", "port": String(silence.port), "sslmode": "require", "dbname": "x"],
                connectTimeoutSeconds: 2
            )
        )
        #expect(error.code == .connectionFailed)
    }

    @Test func `a wrong password is told, and never repeated`() async throws {
        let error = try await failure(try await settings(sslmode: "require", password: "wrong horse"))
        #expect(error.code == .authenticationFailed)
        #expect(error.sqlState == .invalidPassword)
        #expect(error.sentence.contains("reader") && error.sentence.contains("PGPASSWORD"))
        for text in ["\(error)", error.debugDescription] { #expect(!text.contains("horse")) }
    }

    @Test func `a missing password is told as that`() async throws {
        let error = try await failure(try await settings(sslmode: "require", password: nil))
        #expect(error.code == .authenticationFailed)
    }

    @Test func `a password can come in a URL`() async throws {
        let options = try await settings(sslmode: "require").options
        let url = "postgresql://reader:correct%20horse@127.0.0.1:\(options["port"] ?? "")/postgres?sslmode=require"
        let connection = try await Connection.open(ConnectionSettings(conninfo: url))
        await connection.close()
    }

    @Test func `a cancelled statement stops over TCP too`() async throws {
        let connection = try await Connection.open(try await settings(sslmode: "require"))
        let work = Task {
            try await connection.run { session in
                try session.forEachRow("SELECT pg_sleep(0.001) FROM generate_series(1, 60000)") { _ in
                    withUnsafeCurrentTask { $0?.cancel() }
                }
            }
        }
        let error = await #expect(throws: PostgresError.self) { try await work.value }
        #expect(error?.code == .cancelled)
        await connection.close()
    }
}
