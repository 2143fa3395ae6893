import Dispatch
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct CancellationTests {
    /// True once a connection of this database runs a statement with these words.
    private func awaitActivity(_ words: String, _ settings: ConnectionSettings) async throws {
        let watcher = try await Connection.open(settings)
        try await watcher.run { session in
            let sql = """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE $1
                """
            while try session.query(sql, [.text("%\(words)%")])[0].int(0) == 0 {}
        }
        await watcher.close()
    }

    @Test func `a statement timeout is a timeout`() async throws {
        try await withConnection { connection in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction(TransactionOptions(statementTimeoutMilliseconds: 50)) { session in
                    try session.execute("SELECT pg_sleep(30)")
                }
            }
            #expect(error?.code == .timeout)
            #expect(error?.sqlState == .queryCancelled)
        }
    }

    @Test func `a lock that is not to be had is told`() async throws {
        try await withDatabase { settings in
            let holder = try await Connection.open(settings)
            let waiter = try await Connection.open(settings)
            try await holder.run { session in
                try session.executeScript("CREATE TABLE books (id int)")
                try session.executeScript("BEGIN; LOCK TABLE books")
            }
            let options = TransactionOptions(lockTimeoutMilliseconds: 50)
            let error = await #expect(throws: PostgresError.self) {
                try await waiter.transaction(options) { try $0.execute("SELECT * FROM books") }
            }
            #expect(error?.code == .lockNotAvailable)
            await holder.close()
            await waiter.close()
        }
    }

    @Test func `cancelling the task stops the statement on the server`() async throws {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            let work = Task { try await connection.run { try $0.execute("SELECT pg_sleep(60)") } }
            try await awaitActivity("pg_sleep(60)", settings)
            work.cancel()
            let error = await #expect(throws: PostgresError.self) { try await work.value }
            #expect(error?.code == .cancelled)
            #expect(error?.sqlState == .queryCancelled)
            // The next run is not touched by it.
            #expect(try await connection.run { try $0.query("SELECT 7 FROM pg_sleep(0.4)")[0].int(0) } == 7)
            await connection.close()
        }
    }

    @Test func `a cancelled transaction is rolled back and its connection goes on`() async throws {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            try await connection.run { try $0.executeScript("CREATE TABLE books (id int)") }
            let work = Task {
                try await connection.transaction { session in
                    try session.execute("INSERT INTO books VALUES (1)")
                    try session.execute("SELECT pg_sleep(61)")
                }
            }
            try await awaitActivity("pg_sleep(61)", settings)
            work.cancel()
            await #expect(throws: PostgresError.self) { try await work.value }
            let state = try await connection.run { session in
                (session.isInTransaction, try session.query("SELECT count(*) FROM books")[0].int(0))
            }
            #expect(state == (false, 0))
            await connection.close()
        }
    }

    @Test func `a task that is cancelled between statements starts no other`() async throws {
        try await withConnection { connection in
            let (inside, isInside) = AsyncStream<Void>.makeStream()
            let isCancelled = DispatchSemaphore(value: 0)
            let work = Task {
                try await connection.run { session in
                    isInside.yield()
                    isCancelled.wait()
                    // Cancellation arrives on a thread of its own: statements go through until it has.
                    while true { try session.execute("SELECT 1") }
                }
            }
            _ = await inside.first { true }
            work.cancel()
            isCancelled.signal()
            let error = await #expect(throws: PostgresError.self) { try await work.value }
            #expect(error?.code == .cancelled)
        }
    }

    @Test func `a task cancelled before it begins does nothing`() async throws {
        try await withConnection { connection in
            let work = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await connection.run { try $0.execute("SELECT 1") }
            }
            let error = await #expect(throws: PostgresError.self) { try await work.value }
            #expect(error?.code == .cancelled)
        }
    }

    @Test func `a cancel while nothing runs stops nothing that begins before it has gone`() async throws {
        try await withConnection { connection in
            for _ in 0..<100 {
                connection.cancel()
                try await connection.run { try $0.execute("SELECT pg_sleep(0.002)") }
            }
        }
    }

    @Test func `cancel stops what runs and nothing else`() async throws {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            async let stopped = connection.run { session in
                do {
                    try session.execute("SELECT pg_sleep(62)")
                    return nil as PostgresError.Code?
                } catch let error as PostgresError {
                    // Other statements of the same body still run.
                    try session.execute("SELECT 1")
                    return error.code
                }
            }
            try await awaitActivity("pg_sleep(62)", settings)
            connection.cancel()
            #expect(try await stopped == .cancelled)
            connection.cancel()
            let one = try await connection.run { try $0.query("SELECT 1")[0].int(0) }
            #expect(one == 1)
            await connection.close()
        }
    }

    @Test func `cancelling stops a stream between its rows`() async throws {
        try await withConnection { connection in
            let work = Task {
                try await connection.run { session in
                    try session.forEachRow("SELECT generate_series(1, 1000000000000)") { row in
                        if try row.int(0) == 1000 { withUnsafeCurrentTask { $0?.cancel() } }
                    }
                }
            }
            let error = await #expect(throws: PostgresError.self) { try await work.value }
            #expect(error?.code == .cancelled)
            let one = try await connection.run { try $0.query("SELECT 1")[0].int(0) }
            #expect(one == 1)
        }
    }

    @Test func `long statements leave Swift's threads free`() async throws {
        let count = 24
        try await withDatabase { settings in
            let started = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<count {
                    group.addTask {
                        let connection = try await Connection.open(settings)
                        try await connection.run { try $0.execute("SELECT pg_sleep(1)") }
                        await connection.close()
                    }
                }
                try await group.waitForAll()
            }
            // One after another they would take 24 s, on two threads 12 s.
            #expect(ContinuousClock.now - started < .seconds(8))
        }
    }
}
