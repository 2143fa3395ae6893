import Postgres
import TestSupport
import Testing

@Suite struct StatementTests {
    @Test func `a query returns its rows by name and by index`() async throws {
        try await withConnection { connection in
            let rows = try await connection.run { session in
                try session.query("SELECT n AS number, 'row ' || n AS label FROM generate_series(1, 3) n ORDER BY n")
            }
            #expect(rows.count == 3)
            #expect(try rows[1].int("number") == 2)
            #expect(try rows[2].text(1) == "row 3")
            #expect(rows[0].columns.map(\.name) == ["number", "label"])
            #expect(rows[0].columns.map(\.type) == [.int4, .text])
        }
    }

    @Test func `parameters are bound and never read as SQL`() async throws {
        let hostile = "'; DROP TABLE books; --"
        let echoed = try await withConnection { connection in
            try await connection.run { session in
                try session.query("SELECT $1, $2::int8 + 1, $3::text IS NULL", [.text(hostile), 41, nil])
            }
        }
        #expect(try echoed[0].text(0) == hostile)
        #expect(try echoed[0].int(1) == 42)
        #expect(try echoed[0].bool(2))
    }

    @Test func `execute counts the rows it changed`() async throws {
        try await withConnection { connection in
            let counts = try await connection.run { session in
                try session.executeScript("CREATE TABLE books (id bigint PRIMARY KEY); SELECT 1")
                let inserted = try session.execute("INSERT INTO books SELECT generate_series(1, $1)", [5])
                let deleted = try session.execute("DELETE FROM books WHERE id > $1", [2])
                return [inserted, deleted, try session.execute("")]
            }
            #expect(counts == [5, 3, 0])
        }
    }

    @Test func `columns are told without running the statement`() async throws {
        try await withConnection { connection in
            let columns = try await connection.run { session in
                try session.columns(of: "SELECT 1 / 0 AS never, now() AS at, $1::uuid AS id")
            }
            #expect(columns.map(\.name) == ["never", "at", "id"])
            #expect(columns.map(\.type) == [.int4, .timestamptz, .uuid])
        }
    }

    @Test func `sessions speak UTC and ISO dates whatever the server's own settings`() async throws {
        try await withConnection { connection in
            let shown = try await connection.run { session in
                try ["timezone", "datestyle", "client_encoding", "standard_conforming_strings"].map { name in
                    try session.query("SELECT current_setting($1)", [.text(name)])[0].text(0)
                } + [session.query("SELECT now()::text")[0].text(0)]
            }
            #expect(shown[..<4] == ["UTC", "ISO, YMD", "UTF8", "on"])
            #expect(shown[4].hasSuffix("+00"))
        }
    }

    @Test func `the server watches for clients that are gone`() async throws {
        try await withConnection { connection in
            let interval = try await connection.run { session in
                try session.query("SHOW client_connection_check_interval")[0].text(0)
            }
            #expect(interval == "10s")
        }
    }

    @Test func `identifiers are quoted with their quotes doubled`() async throws {
        try await withConnection { connection in
            let name = try await connection.run { session in
                let quoted = session.quoteIdentifier(#"odd "name" of a table"#)
                try session.execute("CREATE TABLE \(quoted) (id int)")
                return try session.query("SELECT relname FROM pg_class WHERE relname LIKE 'odd%'")[0].text(0)
            }
            #expect(name == #"odd "name" of a table"#)
        }
    }
}
