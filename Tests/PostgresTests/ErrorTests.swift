import Postgres
import TestSupport
import Testing

@Suite struct ErrorTests {
    private static let tables = """
        CREATE TABLE shelves (id int PRIMARY KEY);
        CREATE TABLE books (
            id int CONSTRAINT books_key PRIMARY KEY,
            pages int CONSTRAINT books_have_pages CHECK (pages > 0),
            title text CONSTRAINT books_have_a_title NOT NULL,
            shelf int CONSTRAINT books_on_a_shelf REFERENCES shelves,
            during int4range,
            CONSTRAINT one_at_a_time EXCLUDE USING gist (during WITH &&)
        );
        INSERT INTO books VALUES (1, 1, 'hidden', NULL, '[1,5)')
        """

    private func failure(of sql: String) async throws -> PostgresError {
        try await withConnection { connection in
            let error = try await #require(throws: PostgresError.self) {
                try await connection.run { session in
                    try session.executeScript(ErrorTests.tables)
                    _ = try session.query(sql)
                }
            }
            // The connection goes on after every one of these.
            #expect(try await connection.run { try $0.query("SELECT 1")[0].int(0) } == 1)
            return error
        }
    }

    @Test(arguments: [
        ("INSERT INTO books VALUES (1, 1, 'hidden')", SQLState.uniqueViolation, "books_key"),
        ("INSERT INTO books VALUES (2, -8888, 'hidden')", .checkViolation, "books_have_pages"),
        ("INSERT INTO books VALUES (2, 1, 'hidden', 8888)", .foreignKeyViolation, "books_on_a_shelf"),
        ("INSERT INTO books VALUES (2, 1, 'hidden', NULL, '[2,3)')", .exclusionViolation, "one_at_a_time"),
    ])
    func `a broken constraint is told by its name and without values`(
        sql: String,
        state: SQLState,
        constraint: String
    ) async throws {
        let error = try await failure(of: sql)
        #expect(error.code == .server)
        #expect(error.sqlState == state)
        #expect(error.constraint == constraint)
        #expect(error.table == "books")
        #expect(error.schema == "public")
        #expect(error.sentence.contains(constraint))
        for secret in ["hidden", "8888", "INSERT", "[2,3)"] { #expect(!error.description.contains(secret)) }
        #expect(error.debugDescription.contains(sql))
        #expect(error.debugDescription.contains(state.rawValue))
    }

    @Test func `a server that cannot reach another one is no lost connection`() async throws {
        let error = try await failure(of: "DO $$ BEGIN RAISE EXCEPTION 'elsewhere' USING ERRCODE = '08006'; END $$")
        #expect(error.code == .server)
        #expect(error.sentence.contains("cannot reach another one") && error.sentence.contains("08006"))
    }

    @Test func `a missing value names its column`() async throws {
        let error = try await failure(of: "INSERT INTO books (id, pages) VALUES (2, 1)")
        #expect(error.sqlState == .notNullViolation)
        #expect(error.column == "title")
        #expect(error.sentence.contains("title"))
    }

    @Test(arguments: [
        ("SELEC 1", SQLState.syntaxError), ("SELECT * FROM nowhere", .undefinedTable),
        ("SELECT nothing FROM books", .undefinedColumn), ("SELECT f(1)", .undefinedFunction),
        ("SELECT 'secret'::int", "22P02"), ("SELECT 1 / 0", "22012"),
        ("SELECT 1; SELECT 2", .syntaxError),
    ])
    func `a refused statement has its SQLSTATE and a sentence without it`(sql: String, state: SQLState) async throws {
        let error = try await failure(of: sql)
        #expect(error.code == .server)
        #expect(error.sqlState == state)
        #expect(!error.sentence.isEmpty && error.sentence.hasSuffix("."))
        #expect(!error.sentence.contains("secret") && !error.sentence.contains("SELECT"))
        #expect(error.sql == sql)
    }

    @Test func `detail, hint and context are kept for the log`() async throws {
        let error = try await failure(
            of: """
                DO $$ BEGIN
                    RAISE EXCEPTION 'no' USING DETAIL = 'the detail', HINT = 'the hint', CONSTRAINT = 'rule_7';
                END $$
                """
        )
        #expect(error.sqlState == .raisedException)
        #expect(error.message == "no")
        #expect(error.detail == "the detail")
        #expect(error.hint == "the hint")
        #expect(error.constraint == "rule_7")
        #expect(error.context?.contains("RAISE") == true)
    }

    @Test func `COPY through the wrong call is refused and leaves the connection usable`() async throws {
        for sql in ["COPY books TO STDOUT", "COPY books FROM STDIN"] {
            #expect(try await failure(of: sql).code == .invalidUse)
        }
    }

    @Test func `a COPY refused again and again never ends the next statement early`() async throws {
        try await withConnection { connection in
            try await connection.run { try $0.executeScript(ErrorTests.tables) }
            for round in 1...300 {
                await #expect(throws: PostgresError.self) {
                    try await connection.run { session in
                        if round.isMultiple(of: 2) { _ = try session.query("COPY books FROM STDIN") }
                        try session.forEachRow("COPY books FROM STDIN") { _ in }
                    }
                }
                #expect(try await connection.run { try $0.query("SELECT \(round)")[0].int(0) } == round)
            }
        }
    }

    @Test func `a zero byte in text is refused, never cut off`() async throws {
        try await withConnection { connection in
            let binary = await #expect(throws: PostgresError.self) {
                try await connection.run { _ = try $0.query("SELECT $1", [.text("a\0b")]) }
            }
            #expect(binary?.sqlState == "22021")
            let text = await #expect(throws: PostgresError.self) {
                try await connection.run { _ = try $0.query("SELECT $1::text", [.unknown("a\0b")]) }
            }
            #expect(text?.code == .encoding)
        }
    }

    @Test func `a closed connection says so`() async throws {
        try await withConnection { connection in
            await connection.close()
            await connection.close()
            let error = await #expect(throws: PostgresError.self) {
                try await connection.run { try $0.execute("SELECT 1") }
            }
            #expect(error?.code == .closed)
        }
    }
}
