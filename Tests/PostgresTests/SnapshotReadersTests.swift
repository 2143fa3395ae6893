import Dispatch
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct SnapshotReadersTests {
    private struct Refusal: Error {}

    static let books = "CREATE TABLE books (id bigint PRIMARY KEY); INSERT INTO books SELECT generate_series(1, 1000)"

    /// Opens a connection, reads by so many at most, and closes it.
    static func read<Result: Sendable>(
        _ settings: ConnectionSettings, atMost: Int = 3,
        _ body: @Sendable @escaping (Session, SnapshotReaders) throws -> Result
    ) async throws -> Result {
        let connection = try await Connection.open(settings)
        do {
            let result = try await SnapshotReaders.with(connection, atMost: atMost) { readers in
                try await connection.transaction(.snapshot) { try body($0, readers) }
            }
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// The books that each part sees, while another session adds some after the snapshot was taken.
    static func countsBesideChange(
        _ settings: ConnectionSettings, atMost: Int = 3, _ change: @escaping @Sendable () async throws -> Void
    ) async throws -> [Int64] {
        let (isTaken, isChanged) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        async let changing: Void = {
            await StandbyTests.wait(isTaken)
            defer { isChanged.signal() }
            try await change()
        }()
        let counts = try await read(settings, atMost: atMost) { session, readers in
            let first = try session.query("SELECT count(*) FROM books")[0].int(0)
            isTaken.signal()
            isChanged.wait()
            let count = { @Sendable (session: Session) in try session.query("SELECT count(*) FROM books")[0].int(0) }
            var counts = [first]
            for _ in 1...2 {
                counts += try readers.read(session, options: .snapshot, prepare: { _ in }) { session, _, _ in
                    try count(session)
                }
            }
            return counts
        }
        try await changing
        return counts
    }

    /// Waits until a question about the database's other sessions is answered with yes.
    private func wait(until question: String, _ settings: ConnectionSettings) async throws {
        let watcher = try await Connection.open(settings)
        try await watcher.run { session in
            let sql = """
                SELECT (\(question)), pg_sleep(0.02)::text FROM pg_stat_activity
                WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
                """
            while try !session.query(sql)[0].bool(0) {}
        }
        await watcher.close()
    }

    private static let sleeping = "count(*) FILTER (WHERE state = 'active' AND query LIKE '%pg_sleep(99)%')"

    @Test func `every part sees one moment, whatever is committed meanwhile, in every read of a run`() async throws {
        try await withDatabase { settings in
            try await execute(Self.books, in: settings)
            let counts = try await Self.countsBesideChange(settings) {
                try await execute("INSERT INTO books SELECT generate_series(1001, 1500)", in: settings)
            }
            #expect(counts == Array(repeating: 1000, count: 7))
            #expect(
                try await Self.read(settings) { session, _ in
                    try session.query("SELECT count(*) FROM books")[0].int(0)
                } == 1500)
        }
    }

    @Test func `each part has a session, a number and what was prepared, and they work at the same time`() async throws
    {
        try await withDatabase { settings in
            let arrived = Atomic(0)
            let seen = try await Self.read(settings) { session, readers in
                #expect(readers.count == 3)
                try session.execute("SET LOCAL work_mem = '7MB'")
                let setting = "SELECT current_setting('work_mem')"
                return try readers.read(
                    session, options: .snapshot, prepare: { _ = try $0.execute("SET LOCAL work_mem = '9MB'") }
                ) { session, part, parts in
                    // Each waits until all are there: one after another they would never be.
                    arrived.add(1, ordering: .relaxed)
                    while arrived.load(ordering: .relaxed) < 3 { try session.execute("SELECT pg_sleep(0.01)") }
                    return "\(part) of \(parts): \(try session.query(setting)[0].text(0))"
                }
            }
            #expect(seen == ["0 of 3: 7MB", "1 of 3: 9MB", "2 of 3: 9MB"])
        }
    }

    @Test(arguments: [0, 1, 2]) func `the first failure stops the others and is the one that is told`(
        failing: Int
    ) async throws {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            let code = try await SnapshotReaders.with(connection, atMost: 3) { readers in
                try await connection.run { session in
                    let error = #expect(throws: PostgresError.self) {
                        try session.transaction(.snapshot) {
                            _ = try readers.read(session, options: .snapshot, prepare: { _ in }) { session, part, _ in
                                if part != failing { return try session.execute("SELECT pg_sleep(99)") }
                                // Those that are stopped are at work by then.
                                let sql = """
                                    SELECT count(*), pg_stat_clear_snapshot()::text FROM pg_stat_activity
                                    WHERE datname = current_database() AND query = 'SELECT pg_sleep(99)'
                                    """
                                while try session.query(sql)[0].int(0) < 2 {}
                                return try session.execute("SELECT 1 / 0")
                            }
                        }
                    }
                    // The session goes on, and so do its helpers.
                    let again = try session.transaction(.snapshot) {
                        try readers.read(session, options: .snapshot, prepare: { _ in }) { session, _, parts in
                            try session.query("SELECT pg_sleep(0.3)::text, $1", [Value(parts)])[0].int(1)
                        }
                    }
                    #expect(again == [3, 3, 3])
                    return error?.sqlState
                }
            }
            #expect(code == "22012")
            await connection.close()
        }
    }

    @Test(arguments: [0, 2]) func `a reader that is lost ends the read with one error`(lost: Int) async throws {
        try await withDatabase { settings in
            let started = ContinuousClock.now
            let error = await #expect(throws: PostgresError.self) {
                try await Self.read(settings) { session, readers in
                    try readers.read(session, options: .snapshot, prepare: { _ in }) { session, part, _ in
                        let sql = part == lost ? "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(99)" : nil
                        return try session.execute(sql ?? "SELECT pg_sleep(99)")
                    }
                }
            }
            #expect(error?.code == .connectionLost)
            #expect(error?.sentence.hasPrefix("The connection to the server was lost") == true)
            #expect(ContinuousClock.now - started < .seconds(30))
            try await wait(until: "count(*) = 0", settings)
        }
    }

    @Test func `cancelling the task ends every statement on the server`() async throws {
        try await withDatabase { settings in
            let work = Task {
                try await Self.read(settings) { session, readers in
                    try readers.read(session, options: .snapshot, prepare: { _ in }) { session, _, _ in
                        try session.execute("SELECT pg_sleep(99)")
                    }
                }
            }
            try await wait(until: "\(Self.sleeping) = 3", settings)
            work.cancel()
            let error = await #expect(throws: PostgresError.self) { try await work.value }
            #expect(error?.code == .cancelled)
            try await wait(until: "count(*) = 0", settings)
        }
    }

    @Test func `it does so as well where the session has read its part and waits`() async throws {
        try await withDatabase { settings in
            let work = Task {
                try await Self.read(settings) { session, readers in
                    try readers.read(session, options: .snapshot, prepare: { _ in }) { session, part, _ in
                        try session.execute(part == 0 ? "SELECT 'is done'" : "SELECT pg_sleep(99)")
                    }
                }
            }
            let isDone = "count(*) FILTER (WHERE state = 'idle in transaction' AND query LIKE '%is done%')"
            try await wait(until: "\(Self.sleeping) = 2 AND \(isDone) = 1", settings)
            work.cancel()
            let error = await #expect(throws: PostgresError.self) { try await work.value }
            #expect(error?.code == .cancelled)
            try await wait(until: "count(*) = 0", settings)
        }
    }

    @Test(arguments: [0, 1, 2]) func `the time limit of a statement holds in each`(slow: Int) async throws {
        try await withDatabase { settings in
            let options = TransactionOptions(
                isolation: .repeatableRead, readOnly: true, statementTimeoutMilliseconds: 300)
            let connection = try await Connection.open(settings)
            let error = await #expect(throws: PostgresError.self) {
                try await SnapshotReaders.with(connection, atMost: 3) { readers in
                    _ = try await connection.transaction(options) { session in
                        try readers.read(session, options: options, prepare: { _ in }) { session, part, _ in
                            try session.execute(part == slow ? "SELECT pg_sleep(99)" : "SELECT 1")
                        }
                    }
                }
            }
            #expect(error?.code == .timeout)
            await connection.close()
        }
    }

    @Test func `connections are closed, however the body ends`() async throws {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            await #expect(throws: Refusal.self) {
                try await SnapshotReaders.with(connection, atMost: 4) { readers in
                    #expect(readers.count == 4)
                    try await wait(until: "count(*) = 4", settings)
                    throw Refusal()
                }
            }
            try await wait(until: "count(*) = 1", settings)
            try await SnapshotReaders.with(connection, atMost: 4) { #expect($0.count == 4) }
            try await wait(until: "count(*) = 1", settings)
            await connection.close()
        }
    }

    @Test func `it is used as it is meant, or says so`() async throws {
        try await withDatabase { settings in
            let (connection, other) = (try await Connection.open(settings), try await Connection.open(settings))
            try await SnapshotReaders.with(connection, atMost: 2) { readers in
                let read = { @Sendable (session: Session) in
                    _ = try readers.read(session, options: .snapshot, prepare: { _ in }) { session, _, _ in
                        try session.execute("SELECT 1")
                    }
                }
                let uses: [@Sendable () async throws -> Void] = [
                    { try await connection.run { try read($0) } },
                    { try await connection.transaction(TransactionOptions(readOnly: true)) { try read($0) } },
                    { try await other.transaction(.snapshot) { try read($0) } },
                    {
                        try await connection.transaction(.snapshot) { session in
                            _ = try readers.read(session, options: .snapshot, prepare: { _ in }) { session, part, _ in
                                if part == 0 { try read(session) }
                            }
                        }
                    },
                ]
                for use in uses {
                    let error = await #expect(throws: PostgresError.self) { try await use() }
                    #expect(error?.code == .invalidUse)
                }
            }
            await connection.close()
            await other.close()
        }
    }
}
