import Foundation
import TestSupport
import Testing

/// Sending through a mail submission server that asks for TLS and a password.
@Suite struct SubmissionTests {
    private struct Server {
        let program: RunningProgram
        let folder: ScratchFolder
        var certificate: String { folder.file("server.pem") }
        var address: String { "smtp://localhost:\(program.firstLine)" }

        static func start() async throws -> Server {
            let folder = try ScratchFolder()
            try Command.run([
                "/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", folder.file("server.key"),
                "-out", folder.file("server.pem"),
            ])
            try FileManager.default.createDirectory(
                atPath: folder.file("received"), withIntermediateDirectories: false)
            let program = try await RunningProgram.start(
                [
                    Deployment.root + "/Tests/StatementTests/mail_server.py",
                    folder.file("server.pem"), folder.file("server.key"), folder.file("received"),
                ], program: TestPython.path)
            return Server(program: program, folder: folder)
        }

        /// Where curl looks for the password, and whom it trusts.
        func environment(password: String) throws -> [String: String] {
            let home = folder.file("home-\(password)")
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: false)
            try Data("machine localhost login finance password \(password)\n".utf8).write(
                to: URL(fileURLWithPath: home + "/.netrc"))
            return ["HOME": home, "CURL_CA_BUNDLE": certificate]
        }

        func received() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder.file("received")).sorted()
        }
    }

    @Test func `a statement goes to a submission server over TLS, with a password, once`() async throws {
        let server = try await Server.start()
        try await withSample { settings in
            let arguments = [
                "report", "statement", "--quiet", "--month", "2026-10", "--account", "customer2", "--email", "--from",
                "finance@example.org", "--smtp", server.address,
            ]
            func send(_ environment: [String: String]) async throws -> ProgramRun {
                try await ProgramRun(
                    arguments + ["--database", Deployment.conninfo(settings)], environment: environment)
            }
            let untrusted = try await send(["HOME": server.folder.path, "CURL_CA_BUNDLE": "/dev/null"])
            #expect(untrusted.exitCode == 75 && untrusted.errors.contains("was not sent"), "\(untrusted.errors)")
            let refused = try await send(try server.environment(password: "wrong"))
            #expect(refused.exitCode == 75 && refused.errors.contains("was not sent"), "\(refused.errors)")
            #expect(try server.received() == [])
            let environment = try server.environment(password: "s3cret")
            let sent = try await send(environment)
            #expect(sent.exitCode == 0 && sent.output.contains("handed over\n"), "\(sent.errors) \(sent.output)")
            #expect(try await send(environment).output.contains("it was handed over at"))
            #expect(try server.received() == ["1.eml", "1.envelope"])
            let envelope = try String(contentsOfFile: server.folder.file("received/1.envelope"), encoding: .utf8)
            #expect(envelope == "finance@example.org billing2@customer2.example", "\(envelope)")
            let message = try Data(
                contentsOf: URL(fileURLWithPath: server.folder.file("received/1.eml")))
            #expect(String(decoding: message, as: UTF8.self).contains("Subject: Statement customer2-2026-10"))
            #expect(message.count > 10_000)
            // A recipient whom the server does not know keeps nobody from his.
            try await execute(
                """
                UPDATE public.users SET email = 'nobody@refused.example'
                WHERE id = (SELECT user_id FROM daybook.account WHERE slug = 'customer1')
                """, in: settings)
            let all = try await ProgramRun(
                arguments.filter { !["--account", "customer2"].contains($0) }
                    + ["--all", "--database", Deployment.conninfo(settings)], environment: environment)
            #expect(all.exitCode == 2 && all.output.contains("nobody@refused.example: not sent: "), "\(all.output)")
            #expect(try server.received().count == 2 * 7, "\(all.output)")
        }
        await server.program.stop()
    }
}
