import Domain
import Formats
import Foundation
import TestSupport
import Testing

/// The published document against the program, in both directions.
@Suite(.timeLimit(.minutes(6))) struct DocumentTests {
    /// The routes that the sources add, with `{}` for what varies.
    private static func routes() throws -> Set<String> {
        let folder = Deployment.root + "/Sources/API/Routes"
        var routes: Set<String> = []
        for file in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let text = try String(contentsOfFile: folder + "/" + file, encoding: .utf8)
            let calls = text.matches(of: /(group|router)\.path\("([^"]+)", \[([^\]]*)\]\)/)
            #expect(calls.count == text.matches(of: /(group|router)\.path\(/).count, "\(file)")
            for call in calls {
                let base = call.output.1 == "group" ? "/v1/" : "/"
                let path = call.output.2.replacing(/:\w+/, with: "{}")
                for method in call.output.3.matches(of: /\.(get|post|put|patch|delete):/) {
                    routes.insert("\(method.output.1.uppercased()) \(base)\(path)")
                }
            }
        }
        return routes
    }

    @Test func `the document is valid, and has every route and every word that the program has`() async throws {
        try await LiveServer.run { server in
            let document = try await PublishedDocument(of: server)
            let written = document.operations.map { "\($0.method) \($0.path.replacing(/\{\w+\}/, with: "{}"))" }
            #expect(Set(written) == (try Self.routes()) && written.count == Set(written).count)
            let errors = try String(
                contentsOfFile: Deployment.root + "/Sources/API/Answers/APIError.swift", encoding: .utf8)
            let codes = errors.matches(of: /case \w+ = "([A-Z_]+)"/).map { String($0.output.1) }
            #expect(document.words("components", "schemas", "Error", "properties", "error", "enum") == codes)
            // An example that is printed is one that works.
            let example = document.json["paths"]?["/v1/batches"]?["post"]?["requestBody"]?["content"]?[
                "application/json"]?["examples"]?["two"]?["value"]
            let created = try await server.call("POST", "/v1/batches", try #require(example).compactText)
            #expect(created.status == 200 && created.body["warnings"] == nil, "\(created.text)")
        }
    }

    @Test func `every operation answers as the document says, and every other method is told which there are`()
        async throws
    {
        let scratch = try ScratchFolder()
        let store = scratch.file("videos")
        try await LiveServer.run(keyOptions: ["--rate-limit", "100000"], serveOptions: ["--store", store]) { server in
            let document = try await PublishedDocument(of: server)
            let video = try await PlantedVideo.plant(server, store, size: 100, requestID: "video")
            let created = try await server.call("POST", "/v1/batches", LiveServer.batch(3, requestID: "r"))
            let batchID = try #require(created.string("batch_id"))
            let endpoint = try await server.call(
                "POST", "/v1/webhook-endpoints", #"{"url":"https://hooks.example/x"}"#)
            let endpointID = try #require(endpoint.string("endpoint_id"))
            let values = ["batch_id": batchID, "endpoint_id": endpointID, "video_id": video.videoID]
            let bodies = [
                "POST /v1/batches": LiveServer.batch(1),
                "PATCH /v1/batches/{batch_id}": #"{"webhook_url":"https://hooks.example/y","other":1}"#,
                "PATCH /v1/videos/{video_id}/access": #"{"allow_share":true,"other":1}"#,
                "POST /v1/webhook-endpoints": #"{"url":"https://hooks.example/x"}"#,
                "POST /v1/webhook-endpoints/{endpoint_id}/rotate": #"{"keep_hours":1}"#,
                "POST /v1/webhook-deliveries/replay": #"{"missing":true}"#,
            ]
            var exchanges: [PublishedDocument.Exchange] = []
            for operation in document.operations {
                let body = bodies["\(operation.method) \(operation.path)"]
                for (ids, isKnown) in [(values, true), ([:], false)] where isKnown || operation.path.contains("{") {
                    let path = operation.address(ids, UUID().uuidString.lowercased())
                    let answer = try await server.call(operation.method, path, body)
                    #expect(isKnown ? answer.status == 200 : [200, 404].contains(answer.status), "\(path): \(answer)")
                    exchanges.append(.init(method: operation.method, path: path, answer: answer))
                }
            }
            exchanges += try await afterTheEnd(server, batchID)
            #expect(try await document.complaints(exchanges) == "")
        }
    }

    /// What the same calls answer of a batch that has ended, and to what is wrong.
    private func afterTheEnd(_ server: LiveServer, _ batchID: String) async throws -> [PublishedDocument.Exchange] {
        let calls: [(String, String, String?, Int)] = [
            ("POST", "/v1/batches/\(batchID)/cancel", nil, 200), ("GET", "/api/v1/batches/\(batchID)", nil, 200),
            ("GET", "/v1/batches/\(batchID)/items?limit=1", nil, 200),
            ("GET", "/v1/batches/\(batchID)/results", nil, 200), ("GET", "/v1/batches/\(batchID)/receipt", nil, 200),
            ("GET", "/v1/credits/ledger?limit=2", nil, 200), ("GET", "/v1/batches?limit=1", nil, 200),
            ("PATCH", "/v1/batches/\(batchID)", #"{"webhook_url":null}"#, 400),
            ("POST", "/v1/batches", "{", 400), ("POST", "/v1/batches", #"{"items":[{}]}"#, 400),
            ("POST", "/v1/batches", LiveServer.batch(2, requestID: "r"), 409),
            ("POST", "/v1/batches", LiveServer.batch(10_000), 402),
        ]
        var exchanges: [PublishedDocument.Exchange] = []
        for (method, path, body, status) in calls {
            let answer = try await server.call(method, path, body)
            #expect(answer.status == status, "\(method) \(path): \(answer.text.prefix(300))")
            exchanges.append(.init(method: method, path: path, answer: answer))
        }
        return exchanges
    }

    @Test func `a method that a path does not have is answered with those that it has, on every path`() async throws {
        try await LiveServer.run(keyOptions: ["--rate-limit", "100000"]) { server in
            let document = try await PublishedDocument(of: server)
            var methods: [String: Set<String>] = [:]
            for operation in document.operations { methods[operation.path, default: []].insert(operation.method) }
            let others = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "LINK"]
            for (path, own) in methods {
                let address = path.replacing(/\{\w+\}/) { _ in UUID().uuidString.lowercased() }
                let allowed = own.contains("GET") ? own.union(["HEAD"]) : own
                for method in others where !own.contains(method) {
                    // A request by hand: clients know few methods.
                    let request =
                        "\(method) \(address) HTTP/1.1\r\nhost: x\r\nx-api-key: \(server.key)\r\n"
                        + "content-length: 0\r\nconnection: close\r\n\r\n"
                    let answer = try await RawConnection.exchange(server.url, request)
                    #expect(answer.hasPrefix("HTTP/1.1 405 "), "\(method) \(path): \(answer)")
                    let line = answer.split(separator: "\r\n").first { $0.lowercased().hasPrefix("allow: ") }
                    let told = (line ?? "").dropFirst("allow: ".count).split(separator: ", ").map(String.init)
                    #expect(Set(told) == allowed, "\(method) \(path): \(answer)")
                }
            }
        }
    }
}
