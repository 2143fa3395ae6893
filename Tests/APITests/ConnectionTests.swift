import Foundation
import TestSupport
import Testing

/// Connections and bodies: how many, for how long, and who goes when there is no room.
@Suite(.serialized, .timeLimit(.minutes(4))) struct ConnectionTests {
    private static func balance(_ server: LiveServer) -> String {
        "GET /v1/credits/balance HTTP/1.1\r\nhost: x\r\nx-api-key: \(server.key)\r\nconnection: close\r\n\r\n"
    }

    @Test func `a body that does not end is given up at its deadline, whoever sends it`() async throws {
        try await LiveServer.run(serveOptions: ["--body-seconds", "2"]) { server in
            for (key, status) in [(server.key, " 408 "), ("", " 401 ")] {
                let answer = try await RawConnection.aside {
                    let connection = try RawConnection(server.url)
                    defer { connection.close() }
                    connection.send(
                        "POST /v1/batches HTTP/1.1\r\nhost: x\r\nx-api-key: \(key)\r\ncontent-length: 1000\r\n\r\n")
                    let begin = ContinuousClock.now
                    // A byte every while keeps the line alive; only a deadline for all of the body ends this.
                    var bytes: [UInt8] = []
                    while ContinuousClock.now - begin < .seconds(20) {
                        connection.send(" ")
                        if connection.read(into: &bytes, milliseconds: 100) {
                            return String(decoding: bytes, as: UTF8.self)
                        }
                    }
                    return "open after \(ContinuousClock.now - begin)"
                }
                #expect(answer.contains(status), "\(answer)")
            }
            #expect(try await server.call("POST", "/v1/batches", LiveServer.batch(1)).status == 200)
        }
    }

    @Test func `one key's bodies have their share, and another customer's come through meanwhile`() async throws {
        try await LiveServer.run(serveOptions: ["--key-body-megabytes", "1", "--body-megabytes", "40"]) { server in
            let answers = try await RawConnection.aside {
                let connections = try (0..<3).map { _ in try RawConnection(server.url) }
                defer { for connection in connections { connection.close() } }
                for connection in connections {
                    connection.send(
                        "POST /v1/batches HTTP/1.1\r\nhost: x\r\nx-api-key: \(server.key)\r\n"
                            + "content-length: 5000000\r\n\r\n" + String(repeating: " ", count: 500_000))
                }
                return connections.compactMap { $0.readToEnd(milliseconds: 3000) }
            }
            #expect((1...2).contains(answers.count), "\(answers)")
            #expect(answers.allSatisfy { $0.contains(" 429 ") && $0.lowercased().contains("retry-after") })
            #expect(try await server.call("POST", "/v1/batches", LiveServer.batch(1)).status == 200)
        }
    }

    @Test func `connections that do nothing give their place to those that work`() async throws {
        try await LiveServer.run(serveOptions: ["--max-connections", "20"]) { server in
            #expect(try await server.call("GET", "/v1/credits/balance").status == 200)
            let idle = try await RawConnection.aside { try (0..<60).map { _ in try RawConnection(server.url) } }
            defer { for connection in idle { connection.close() } }
            let begin = ContinuousClock.now
            for _ in 0..<5 {
                let answer = try await RawConnection.exchange(server.url, Self.balance(server))
                #expect(answer.hasPrefix("HTTP/1.1 200 "), "\(answer)")
            }
            #expect(ContinuousClock.now - begin < .seconds(5))
            let open = try await RawConnection.aside { idle.filter { $0.readToEnd(milliseconds: 20) == nil }.count }
            #expect(open <= 20, "\(open) of 60 are still open")
        }
    }

    @Test func `a server without a file descriptor left says so once and goes on`() async throws {
        try await LiveServer.run { server in
            #expect(try await server.call("GET", "/v1/credits/balance").status == 200)
            let folder = "/proc/\(server.program.processID)/fd"
            let used = try FileManager.default.contentsOfDirectory(atPath: folder).count
            try await ProgramRun.expectingSuccess(
                ["--pid", "\(server.program.processID)", "--nofile=\(used + 10)"], program: "/usr/bin/prlimit")
            let many = try await RawConnection.aside { try (0..<60).map { _ in try RawConnection(server.url) } }
            defer { for connection in many { connection.close() } }
            for _ in 0..<5 {
                let answer = try await RawConnection.exchange(server.url, Self.balance(server))
                #expect(answer.hasPrefix("HTTP/1.1 200 "), "\(answer)")
            }
            #expect(await server.program.stop() == 0)
            let lines = server.program.errors.split(separator: "\n").filter { $0.contains("file descriptor") }
            #expect(lines.count == 1, "\(server.program.errors)")
        }
    }
}
