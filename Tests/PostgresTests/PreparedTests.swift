import Postgres
import TestSupport
import Testing

/// Statements that are run often.
@Suite struct PreparedTests {
    private static let known = "SELECT count(*) AS n FROM pg_prepared_statements WHERE name LIKE 'daybook%'"

    @Test func `a statement that is run often is parsed once, in a transaction or without one`() async throws {
        try await withConnection { connection in
            try await connection.run { session throws in
                for number: Int64 in 1...4 {
                    #expect(try session.queryOften("SELECT $1 + 1 AS n", [.int(number)])[0].int("n") == number + 1)
                }
                try session.transaction { () throws in
                    #expect(try session.queryOften("SELECT $1 + 1 AS n", [.int(7)])[0].int("n") == 8)
                    #expect(try session.queryOften("SELECT $1 AS t", [.text("a")])[0].text("t") == "a")
                }
                #expect(try session.query(Self.known)[0].int("n") == 2)
                #expect(try session.queryOften("SELECT $1 + 1 AS n", [nil])[0].optionalInt("n") == nil)
            }
        }
    }

    @Test func `without a transaction it is committed with its answer`() async throws {
        try await withConnection { connection in
            try await connection.run { session throws in
                try session.executeScript("CREATE TABLE public.books (n bigint)")
                let insert = "INSERT INTO public.books VALUES ($1) RETURNING n"
                #expect(try session.queryOften(insert, [.int(1)])[0].int(0) == 1)
                #expect(!session.isInTransaction)
                #expect(throws: PostgresError.self) { try session.queryOften("SELECT 1 / $1", [.int(0)]) }
                #expect(try session.queryOften("SELECT count(*) FROM public.books")[0].int(0) == 1)
            }
        }
    }

    @Test func `a statement that the server forgot, or that gives other columns by now, is run all the same`()
        async throws
    {
        try await withConnection { connection in
            try await connection.run { session throws in
                try session.executeScript("CREATE TABLE public.books (n bigint); INSERT INTO public.books VALUES (1)")
                let all = "SELECT * FROM public.books"
                #expect(try session.queryOften(all)[0].columns.count == 1)
                try session.executeAlone("DEALLOCATE ALL")
                #expect(try session.queryOften(all)[0].columns.count == 1)
                #expect(try session.queryOften(all)[0].columns.count == 1)
                try session.executeScript("ALTER TABLE public.books ADD COLUMN title text")
                #expect(try session.queryOften(all)[0].columns.count == 2)
                #expect(try session.queryOften(all)[0].columns.count == 2)
            }
        }
    }

    @Test func `a session keeps so many of them, and runs the others like any statement`() async throws {
        try await withConnection { connection in
            try await connection.run { session throws in
                for number in 0..<80 {
                    #expect(try session.queryOften("SELECT \(number) AS n")[0].int("n") == Int64(number))
                }
                #expect(try session.query(Self.known)[0].int("n") == 64)
            }
        }
    }

    @Test func `behind a pooler nothing is left in a session`() async throws {
        let pooler = try TestPooler(mode: "transaction", size: 1)
        let settings = try await pooler.settings(TestCluster.shared.settings(database: "postgres"))
        let (one, other) = (try await Connection.open(settings), try await Connection.open(settings))
        for number: Int64 in 1...3 {
            for connection in [one, other] {
                let answer = try await connection.run { session throws in
                    try session.queryOften("SELECT $1 + 1 AS n", [.int(number)])[0].int("n")
                }
                #expect(answer == number + 1)
            }
        }
        #expect(try await one.run { try $0.query(Self.known)[0].int("n") } == 0)
        await one.close()
        await other.close()
    }
}
