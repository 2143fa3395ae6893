import BatchEngine
import Foundation
import Glibc
import Postgres
import Synchronization
import TestSupport
import Testing

/// What strangers, and customers who mean no good, can take from a server that others pay for.
@Suite(.serialized, .timeLimit(.minutes(4))) struct MemoryTests {
    /// Kibibytes of a process's memory: `VmRSS` now, `VmHWM` at most.
    private func kibibytes(_ name: String, of server: LiveServer) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(server.program.processID)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        let number = line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) }
        return try #require(number)
    }

    /// Keys of so many other customers.
    private func strangers(_ count: Int, in server: LiveServer) async throws -> [String] {
        var users: [String] = []
        for _ in 0..<count { users.append(try await TestCustomer.create(in: server.settings)) }
        let connection = try await Connection.open(server.settings)
        let all = users
        let keys = try await connection.transaction { session in
            try all.map {
                try Keys.create(for: .user(id: $0), Keys.Terms(name: "stranger", rateLimitPerMinute: 10_000), session)
                    .key.text
            }
        }
        await connection.close()
        return keys
    }

    /// Clients that send a large beginning of a larger body, and then a byte now and then, until they are stopped.
    private final class Dribblers: Sendable {
        private static let beginningBytes = 524_288
        private let goesOn = Mutex(true)
        private let sent = Mutex(0)

        /// Bytes that the server's side took.
        var sentBytes: Int { sent.withLock { $0 } }

        func stop() { goesOn.withLock { $0 = false } }

        /// Blocks until ``stop()``.
        func run(_ count: Int, _ url: String, keys: [String]) throws {
            var connections: [(connection: RawConnection, left: Int)] = []
            defer { for (connection, _) in connections { connection.close() } }
            for number in 0..<count {
                let connection = try RawConnection(url)
                connection.send(
                    "POST /v1/batches HTTP/1.1\r\nhost: x\r\nx-api-key: \(keys[number % keys.count])\r\n"
                        + "content-length: 30000000\r\n\r\n")
                connections.append((connection, Self.beginningBytes))
            }
            let piece = [UInt8](repeating: UInt8(ascii: " "), count: 16_384)
            while goesOn.withLock({ $0 }), !connections.isEmpty {
                for index in connections.indices.reversed() {
                    let count = connections[index].left > 0 ? piece.count : 1
                    guard connections[index].connection.send(piece.prefix(count), waits: false) else {
                        connections.remove(at: index).connection.close()
                        continue
                    }
                    connections[index].left -= count
                    sent.withLock { $0 += count }
                }
                usleep(20_000)
            }
        }
    }

    @Test func `two hundred clients that dribble bodies hold little memory, and nobody's place`() async throws {
        try await LiveServer.run(keyOptions: ["--rate-limit", "100000"]) { server in
            let keys = try await strangers(20, in: server)
            for _ in 0..<20 {
                #expect(try await server.call("POST", "/v1/batches", LiveServer.batch(10)).status == 200)
            }
            let before = try kibibytes("VmRSS", of: server)
            try "5".write(toFile: "/proc/\(server.program.processID)/clear_refs", atomically: false, encoding: .utf8)
            let dribblers = Dribblers()
            let dribbling = Task { try await RawConnection.aside { try dribblers.run(200, server.url, keys: keys) } }
            var slowest = Duration.zero
            var calls = 0
            // As long as it takes until all have sent their beginnings or were sent away, and at least so many calls.
            while calls < 40 || (dribblers.sentBytes < 40_000_000 && calls < 400) {
                let begin = ContinuousClock.now
                let answer = try await server.call("POST", "/v1/batches", LiveServer.batch(2))
                slowest = max(slowest, ContinuousClock.now - begin)
                #expect(answer.status == 200, "\(answer.text)")
                calls += 1
            }
            let held = try kibibytes("VmHWM", of: server) - before
            dribblers.stop()
            try await dribbling.value
            print(
                "200 clients sent \(dribblers.sentBytes / 1024) KiB; the server took \(held) KiB more; "
                    + "the slowest of \(calls) calls took \(slowest)")
            #expect(held < 65_536)
            #expect(slowest < .seconds(5))
        }
    }
}
