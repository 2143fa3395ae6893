import Dispatch
import Postgres
import TestSupport
import Testing

@Suite struct TransactionTests {
    private struct Refusal: Error {}

    private nonisolated(nonsending) func withBooks(_ body: (Connection) async throws -> Void) async throws {
        try await withConnection { connection in
            try await connection.run { session in
                try session.executeScript("CREATE TABLE books (id bigint PRIMARY KEY)")
            }
            try await body(connection)
        }
    }

    private static func failure(_ body: () throws -> Void) -> (any Error)? {
        do {
            try body()
            return nil
        } catch {
            return error
        }
    }

    private func ids(_ connection: Connection) async throws -> [Int64] {
        try await connection.run { session in
            try session.query("SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM books")[0].ints(0)
        }
    }

    @Test func `what a transaction did stays when its body returns`() async throws {
        try await withBooks { connection in
            let count = try await connection.transaction { try $0.execute("INSERT INTO books VALUES (1), (2)") }
            #expect(count == 2)
            let left = try await ids(connection)
            #expect(left == [1, 2])
        }
    }

    @Test func `nothing stays when its body throws`() async throws {
        try await withBooks { connection in
            await #expect(throws: Refusal.self) {
                try await connection.transaction { session in
                    try session.execute("INSERT INTO books VALUES (1)")
                    throw Refusal()
                }
            }
            let left = try await ids(connection)
            #expect(left == [])
        }
    }

    @Test func `nothing stays of a transaction that is to be undone, and its failure is not hidden`() async throws {
        try await withBooks { connection in
            let options = TransactionOptions(isUndone: true)
            let count = try await connection.transaction(options) { try $0.execute("INSERT INTO books VALUES (1)") }
            #expect(count == 1)
            let failure = await #expect(throws: PostgresError.self) {
                try await connection.transaction(options) { session in
                    _ = Self.failure { _ = try session.execute("INSERT INTO nothing VALUES (1)") }
                }
            }
            #expect(failure?.code == .transactionAborted)
            let left = try await ids(connection)
            #expect(left == [])
        }
    }

    @Test func `a savepoint is undone alone, whatever failed in it`() async throws {
        try await withBooks { connection in
            let failures = try await connection.transaction { session in
                try session.execute("INSERT INTO books VALUES (1)")
                let broken = Self.failure {
                    try session.savepoint { _ = try session.execute("INSERT INTO books VALUES (2), (1)") }
                }
                let refused = try session.savepoint {
                    try session.execute("INSERT INTO books VALUES (3)")
                    return Self.failure {
                        try session.savepoint { () -> Void in
                            try session.execute("INSERT INTO books VALUES (4)")
                            throw Refusal()
                        }
                    }
                }
                return [broken, refused]
            }
            #expect((failures[0] as? PostgresError)?.sqlState == .uniqueViolation)
            #expect(failures[1] is Refusal)
            let left = try await ids(connection)
            #expect(left == [1, 3])
        }
    }

    @Test func `a swallowed failure does not pass for a commit`() async throws {
        try await withBooks { connection in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction { session in
                    try session.execute("INSERT INTO books VALUES (1)")
                    _ = try? session.execute("INSERT INTO nowhere VALUES (1)")
                }
            }
            #expect(error?.code == .transactionAborted)
            let left = try await ids(connection)
            #expect(left == [])
        }
    }

    @Test func `a constraint that is checked at the commit undoes everything`() async throws {
        try await withBooks { connection in
            try await connection.run { session in
                try session.executeScript(
                    """
                    CREATE TABLE pages (
                        book bigint CONSTRAINT pages_of_a_book REFERENCES books DEFERRABLE INITIALLY DEFERRED)
                    """
                )
            }
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction { try $0.execute("INSERT INTO pages VALUES (7)") }
            }
            #expect(error?.constraint == "pages_of_a_book")
            let count = try await connection.run { try $0.query("SELECT count(*) FROM pages")[0].int(0) }
            #expect(count == 0)
        }
    }

    @Test func `transactions do not nest and savepoints need one`() async throws {
        try await withBooks { connection in
            let nested = await #expect(throws: PostgresError.self) {
                try await connection.transaction { session in try session.transaction {} }
            }
            #expect(nested?.code == .invalidUse)
            let loose = await #expect(throws: PostgresError.self) {
                try await connection.run { session in try session.savepoint {} }
            }
            #expect(loose?.code == .invalidUse)
        }
    }

    @Test func `a read-only transaction refuses writes`() async throws {
        try await withBooks { connection in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction(.snapshot) { try $0.execute("INSERT INTO books VALUES (1)") }
            }
            #expect(error?.sqlState == .readOnlyTransaction)
        }
    }

    @Test func `a snapshot sees one moment`() async throws {
        try await withDatabase { settings in
            let reader = try await Connection.open(settings)
            let writer = try await Connection.open(settings)
            try await writer.run { try $0.executeScript("CREATE TABLE books (id bigint)") }
            let (isSeen, isWritten) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            // The reader waits on its own thread, inside its transaction, until the writer has committed.
            async let counts = reader.transaction(.snapshot) { session in
                let before = try session.query("SELECT count(*) FROM books")[0].int(0)
                isSeen.signal()
                isWritten.wait()
                return [before, try session.query("SELECT count(*) FROM books")[0].int(0)]
            }
            try await writer.run { session in
                isSeen.wait()
                try session.execute("INSERT INTO books VALUES (1)")
                isWritten.signal()
            }
            #expect(try await counts == [0, 0])
            await reader.close()
            await writer.close()
        }
    }

    @Test(arguments: TransactionOptions.Isolation.allCases, [true, false])
    func `options reach the server`(isolation: TransactionOptions.Isolation, flag: Bool) async throws {
        try await withConnection { connection in
            let options = TransactionOptions(
                isolation: isolation,
                readOnly: flag,
                statementTimeoutMilliseconds: 12_345,
                lockTimeoutMilliseconds: 54_321
            )
            let names = [
                "transaction_isolation", "transaction_read_only", "transaction_deferrable", "statement_timeout",
                "lock_timeout",
            ]
            let shown = try await connection.transaction(options) { session in
                try names.map { try session.query("SELECT current_setting($1)", [.text($0)])[0].text(0) }
            }
            let onOff = flag ? "on" : "off"
            #expect(shown == [isolation.rawValue.lowercased(), onOff, "off", "12345ms", "54321ms"])
            let after = try await connection.run { try $0.query("SHOW statement_timeout")[0].text(0) }
            #expect(after == "0")
        }
    }
}
