import Domain
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct PoolTests {
    private func count(_ settings: ConnectionSettings) async throws -> Int64 {
        let connection = try await Connection.open(settings)
        let count = try await connection.run { session in
            try session.query(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")[
                    0
                ].int(0)
        }
        await connection.close()
        return count
    }

    @Test func `three hundred tasks share four connections, and none is left out`() async throws {
        try await withDatabase { settings in
            let pool = ConnectionPool(settings, limits: .init(maxConnections: 4))
            let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
                for number in 1...300 {
                    group.addTask { try await pool.run { try $0.query("SELECT $1", [Value(number)])[0].int(0) } }
                }
                return try await group.reduce(0, +)
            }
            #expect(sum == 300 * 301 / 2)
            let connections = try await count(settings)
            #expect((1...4).contains(connections))
            await pool.close()
            let error = await #expect(throws: PostgresError.self) { try await pool.run { _ in } }
            #expect(error?.code == .closed)
        }
    }

    @Test func `a connection that the server ended is replaced without an error`() async throws {
        try await withDatabase { settings in
            let pool = ConnectionPool(settings, limits: .init(maxConnections: 1))
            let first = try await pool.run { $0.serverProcessID }
            let killer = try await Connection.open(settings)
            try await killer.run { session in
                try session.execute("SELECT pg_terminate_backend($1::int, 5000)", [Value(first)])
            }
            await killer.close()
            #expect(try await pool.run { $0.serverProcessID } != first)

            // One that is lost at work fails that work alone.
            let error = await #expect(throws: PostgresError.self) {
                try await pool.run { try $0.execute("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)") }
            }
            #expect(error?.code == .connectionLost)
            #expect(try await pool.run { try $0.query("SELECT 7")[0].int(0) } == 7)
            await pool.close()
        }
    }

    @Test func `a transaction that was left open does not reach the next one`() async throws {
        try await withDatabase { settings in
            let pool = ConnectionPool(settings, limits: .init(maxConnections: 1))
            try await pool.run { try $0.executeScript("BEGIN; CREATE TABLE left_open (x integer)") }
            let isThere = try await pool.run { session in
                try session.query("SELECT to_regclass('left_open') IS NOT NULL")[0].bool(0)
            }
            #expect(!isThere)
            await pool.close()
        }
    }

    @Test func `who waits too long, or in too long a line, is told so`() async throws {
        try await withDatabase { settings in
            let pool = ConnectionPool(settings, limits: .init(maxConnections: 1, maxWaiting: 1, waitSeconds: 1))
            let holder = try await Holder(pool)
            let waiting = Task { try await pool.run { _ in } }
            let late = await #expect(throws: PostgresError.self) { try await waiting.value }
            #expect(late?.code == .poolExhausted)
            #expect(late?.sentence.contains("all 1 are at work") == true)
            await holder.release()
            try await pool.run { _ in }
            await pool.close()

            let full = ConnectionPool(settings, limits: .init(maxConnections: 1, maxWaiting: 0))
            let second = try await Holder(full)
            let refused = await #expect(throws: PostgresError.self) { try await full.run { _ in } }
            #expect(refused?.code == .poolExhausted)
            await second.release()
            await full.close()
        }
    }

    @Test func `cancelling one who waits takes nothing from the others`() async throws {
        try await withDatabase { settings in
            let pool = ConnectionPool(settings, limits: .init(maxConnections: 1))
            let holder = try await Holder(pool)
            let waiting = Task { try await pool.run { _ in } }
            waiting.cancel()
            let error = await #expect(throws: PostgresError.self) { try await waiting.value }
            #expect(error?.code == .cancelled)
            await holder.release()
            #expect(try await pool.run { try $0.query("SELECT 1")[0].int(0) } == 1)
            await pool.close()
        }
    }

    @Test func `two hundred cancelled at any moment leave the pool whole`() async throws {
        try await withDatabase { settings in
            let pool = ConnectionPool(settings, limits: .init(maxConnections: 3))
            let tasks = (0..<200).map { _ in
                Task { try await pool.run { try $0.execute("SELECT pg_sleep($1)", [.unknown("0.002")]) } }
            }
            for (number, task) in tasks.enumerated() where number % 2 == 0 { task.cancel() }
            var done = 0
            for task in tasks { if case .success = await task.result { done += 1 } }
            #expect(done >= 100)
            let all = try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<30 { group.addTask { try await pool.run { try $0.query("SELECT 1")[0].int(0) } } }
                return try await group.reduce(0, +)
            }
            #expect(all == 30)
            await pool.close()
        }
    }

    @Test func `a server that cannot be reached is an error and not a hang`() async throws {
        let settings = ConnectionSettings(options: ["host": "/nonexistent", "dbname": "none"])
        let pool = ConnectionPool(settings, limits: .init(maxConnections: 1))
        for _ in 1...3 {
            let error = await #expect(throws: PostgresError.self) { try await pool.run { _ in } }
            #expect(error?.code == .connectionFailed)
        }
        await pool.close()
    }
}

/// Keeps a pool's connection at work until it is told to stop: a server-side lock that it waits for.
private struct Holder {
    private let work: Task<Void, any Error>

    init(_ pool: ConnectionPool) async throws {
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        work = Task {
            try await pool.run { session in
                start.finish()
                try session.execute("SELECT pg_sleep(60)")
            }
        }
        for await _ in started {}
    }

    func release() async {
        work.cancel()
        _ = await work.result
    }
}
