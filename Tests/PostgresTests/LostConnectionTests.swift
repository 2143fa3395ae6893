import Dispatch
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct LostConnectionTests {
    private func kill(_ process: Int, _ settings: ConnectionSettings) async throws {
        let killer = try await Connection.open(settings)
        let isKilled = try await killer.run { session in
            try session.query("SELECT pg_terminate_backend($1::int, 5000)", [Value(process)])[0].bool(0)
        }
        #expect(isKilled)
        await killer.close()
    }

    @Test func `a connection that was killed while idle says so, again and again`() async throws {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            try await kill(try await connection.run { $0.serverProcessID }, settings)
            for _ in 1...3 {
                let error = await #expect(throws: PostgresError.self) {
                    try await connection.run { try $0.execute("SELECT 1") }
                }
                #expect(error?.code == .connectionLost)
            }
            await connection.close()
        }
    }

    @Test func `a statement whose server process is killed fails at once`() async throws {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            let error = await #expect(throws: PostgresError.self) {
                try await connection.run { session in
                    try session.execute("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)")
                }
            }
            #expect(error?.code == .connectionLost)
            #expect(error?.sqlState == .adminShutdown)
            await connection.close()
        }
    }

    @Test func `a transaction on a lost connection ends with that error`() async throws {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction { session in
                    try session.execute("SELECT 1")
                    try session.execute("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)")
                }
            }
            #expect(error?.code == .connectionLost)
            await connection.close()
        }
    }

    @Test func `a connection lost at the commit leaves open whether it was committed`() async throws {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            try await connection.run { session in
                try session.executeScript(
                    """
                    CREATE TABLE books (id int);
                    CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS
                        'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60); RETURN NULL; END';
                    CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON books DEFERRABLE INITIALLY DEFERRED
                        FOR EACH ROW EXECUTE FUNCTION leave()
                    """
                )
            }
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction { try $0.execute("INSERT INTO books VALUES (1)") }
            }
            #expect(error?.code == .commitUnknown)
            await connection.close()
        }
    }

    @Test(arguments: [TransactionOptions.snapshot, TransactionOptions(readOnly: true)])
    func `a connection lost at the end of what only read leaves nothing open`(options: TransactionOptions) async throws
    {
        try await withDatabase { settings in
            let (reader, killer) = (try await Connection.open(settings), try await Connection.open(settings))
            let process = try await reader.run { $0.serverProcessID }
            let (isRead, isKilled) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            async let reading = reader.transaction(options) { session in
                let answer = try session.query("SELECT 7")[0].int(0)
                isRead.signal()
                isKilled.wait()
                return answer
            }
            try await killer.run { session in
                isRead.wait()
                try session.execute("SELECT pg_terminate_backend($1::int, 5000)", [Value(process)])
                isKilled.signal()
            }
            #expect(try await reading == 7)
            await reader.close()
            await killer.close()
        }
    }

    @Test func `a server that crashes in the middle of a stream is an error, not an end`() async throws {
        let cluster = try TestCluster()
        let connection = try await Connection.open(cluster.settings())
        let error = await #expect(throws: PostgresError.self) {
            try await connection.run { session in
                try session.forEachRow("SELECT generate_series(1, 100000000), repeat('x', 500)") { row in
                    if try row.int(0) == 10_000 { try cluster.stop(mode: "immediate") }
                }
            }
        }
        #expect(error?.code == .connectionLost)
        let refused = await #expect(throws: PostgresError.self) {
            _ = try await Connection.open(cluster.settings())
        }
        #expect(refused?.code == .connectionFailed)
        try cluster.start()
        let again = try await Connection.open(cluster.settings())
        #expect(try await again.run { try $0.query("SELECT 1")[0].int(0) } == 1)
        await again.close()
        await connection.close()
        try cluster.stop()
    }

    @Test func `a server that crashes during COPY is an error in both directions`() async throws {
        let cluster = try TestCluster()
        let reader = try await Connection.open(cluster.settings())
        let writer = try await Connection.open(cluster.settings())
        try await writer.run { try $0.executeScript("CREATE TABLE lines (line text)") }
        let line = String(repeating: "x", count: 999) + "\n"
        let isStreaming = DispatchSemaphore(value: 0)
        let isDown = DispatchSemaphore(value: 0)
        let writing = Task {
            try await writer.run { session in
                try session.copyIn("COPY lines FROM STDIN") { copy in
                    try copy.write(line)
                    isStreaming.signal()
                    isDown.wait()
                    while true { try copy.write(line) }
                }
            }
        }
        let reading = await #expect(throws: PostgresError.self) {
            try await reader.run { session in
                var rows = 0
                let sql = "COPY (SELECT repeat('x', 999), generate_series(1, 100000000)) TO STDOUT"
                return try session.copyOut(sql) { _ in
                    rows += 1
                    if rows == 1000 {
                        isStreaming.wait()
                        try cluster.stop(mode: "immediate")
                        isDown.signal()
                    }
                }
            }
        }
        #expect(reading?.code == .connectionLost)
        let written = await #expect(throws: PostgresError.self) { try await writing.value }
        #expect(written?.code == .connectionLost)
        await reader.close()
        await writer.close()
    }
}
