import Formats
import Foundation
import TestSupport
import Testing

/// Calls that a generator makes from the document, good ones and bad ones: no server error, and no answer that the
/// document does not describe. `DAYBOOK_API_CASES` and `DAYBOOK_API_SEED` ask for more of them, or for others.
@Suite(.timeLimit(.minutes(60))) struct GeneratedCallsTests {
    private static let folder = Deployment.root + "/Tests/APITests/Document"
    /// Calls at least.
    private static let cases = ProcessInfo.processInfo.environment["DAYBOOK_API_CASES"].flatMap { Int($0) } ?? 2_000
    private static let seed = ProcessInfo.processInfo.environment["DAYBOOK_API_SEED"] ?? "1"

    /// What the generator checks. Left out are the acceptance of whatever the schemas allow, because what they cannot
    /// say (bytes of metadata, no U+0000, enough credit) is refused as well; the refusal of the rest, because an empty
    /// parameter counts as none; and wrong keys, which are answered slowly on purpose, and have tests of their own.
    private static let checks = [
        "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
        "response_schema_conformance", "unsupported_method", "allow_header_conformance",
    ]

    @Test func `generated calls are answered as the document says`() async throws {
        let options = ["--no-webhooks", "--keyless-per-minute", "60000"]
        let keyOptions = ["--rate-limit", "1000000"]
        try await LiveServer.run(purchased: 1_000_000_000, keyOptions: keyOptions, serveOptions: options) { server in
            var known: [String: [JSON]] = ["batch_id": [], "endpoint_id": []]
            for number in 0..<4 {
                let created = try await server.call("POST", "/v1/batches", LiveServer.batch(3))
                let batchID = try #require(created.string("batch_id"))
                if number == 0 { _ = try await server.call("POST", "/v1/batches/\(batchID)/cancel") }
                known["batch_id"]?.append(.string(batchID))
                let url = "{\"url\":\"https://hooks.example/\(number)\"}"
                let endpoint = try await server.call("POST", "/v1/webhook-endpoints", url)
                known["endpoint_id"]?.append(.string(try #require(endpoint.string("endpoint_id"))))
            }
            let document = try await PublishedDocument(of: server)
            let path = NSTemporaryDirectory() + "daybook-\(UUID().uuidString).yaml"
            try document.text.write(toFile: path, atomically: true, encoding: .utf8)
            defer { try? FileManager.default.removeItem(atPath: path) }
            // Beside those that each operation gets for what its parameters may be.
            let drawn = max(Self.cases / document.operations.count, 1)
            let program = (TestPython.path as NSString).deletingLastPathComponent + "/schemathesis"
            let run = try await ProgramRun(
                [
                    "run", path, "--url", server.url, "--header", "x-api-key: \(server.key)", "--seed", Self.seed,
                    "--phases", "coverage,fuzzing", "--max-examples", String(drawn), "--continue-on-failure",
                    "--checks", Self.checks.joined(separator: ","), "--no-color", "--warnings", "off",
                    "--request-timeout", "30", "--generation-database", "none", "--no-shrink",
                    "--suppress-health-check", "all",
                ], program: program,
                environment: [
                    "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": Self.folder, "PYTHONDONTWRITEBYTECODE": "1",
                    "DAYBOOK_KNOWN_IDS": JSON.object(known.map { JSON.Member($0.key, .array($0.value)) }).compactText,
                ])
            #expect(run.exitCode == 0, "seed \(Self.seed): \(run.output.suffix(8_000)) \(run.errors.suffix(2_000))")
            // Counted where they arrived, not where they were planned.
            let log = server.program.errors
            let answered = log.split(separator: "\n").count { $0.contains("Request answered") }
            print("Generated calls: \(answered), seed \(Self.seed)")
            #expect(answered >= Self.cases)
            #expect(!log.contains("http.status=500"))
            let broken = try await server.count(
                """
                SELECT count(*) FROM daybook.batch AS b
                WHERE b.frozen <> (SELECT sum(cost) FROM daybook.task AS t WHERE t.batch_id = b.batch_id)
                    OR NOT EXISTS (SELECT FROM public.batch_jobs AS j WHERE j.id = b.batch_id)
                """)
            #expect(broken == 0)
        }
    }
}
