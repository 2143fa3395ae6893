import Postgres
import TestSupport
import Testing

@Suite struct CopyTests {
    private struct Refusal: Error {}

    private nonisolated(nonsending) func withLines(_ body: (Connection) async throws -> Void) async throws {
        try await withConnection { connection in
            try await connection.run { try $0.executeScript("CREATE TABLE lines (id int PRIMARY KEY, line text)") }
            try await body(connection)
        }
    }

    private func count(_ connection: Connection) async throws -> Int64 {
        try await connection.run { try $0.query("SELECT count(*) FROM lines")[0].int(0) }
    }

    @Test func `a hundred thousand rows in and out`() async throws {
        try await withLines { connection in
            let taken = try await connection.run { session in
                try session.copyIn("COPY lines FROM STDIN (FORMAT csv)") { copy in
                    for id in 1...100_000 { try copy.write("\(id),\"line \(id), of many\"\n") }
                }
            }
            #expect(taken == 100_000)
            let (sent, bytes, last) = try await connection.run { session in
                var bytes = 0
                var last: [UInt8] = []
                let sql = "COPY (SELECT * FROM lines ORDER BY id) TO STDOUT (FORMAT csv)"
                let sent = try session.copyOut(sql) { data in
                    bytes += data.count
                    last = Array(data)
                }
                return (sent, bytes, last)
            }
            #expect(sent == 100_000)
            let fixed = ",\"line , of many\"\n".utf8.count
            #expect(bytes == (1...100_000).reduce(0) { $0 + 2 * "\($1)".utf8.count + fixed })
            #expect(String(decoding: last, as: UTF8.self) == "100000,\"line 100000, of many\"\n")
        }
    }

    @Test func `bytes may come in any pieces`() async throws {
        try await withLines { connection in
            try await connection.run { session in
                try session.copyIn("COPY lines FROM STDIN") { copy in
                    for byte in "1\tżółw\n2\tlong \(String(repeating: "x", count: 200_000))\n".utf8 {
                        try copy.write(CollectionOfOne(byte))
                    }
                }
            }
            let left = try await count(connection)
            #expect(left == 2)
        }
    }

    @Test func `a body that throws leaves nothing`() async throws {
        try await withLines { connection in
            await #expect(throws: Refusal.self) {
                try await connection.run { session in
                    try session.copyIn("COPY lines FROM STDIN") { copy in
                        for id in 1...50_000 { try copy.write("\(id)\tsome line\n") }
                        throw Refusal()
                    }
                }
            }
            let left = try await count(connection)
            #expect(left == 0)
        }
    }

    @Test func `a row that the server refuses is the server's error`() async throws {
        try await withLines { connection in
            for bad in ["1\tagain\n", "x\tno number\n", "7\n"] {
                let error = await #expect(throws: PostgresError.self) {
                    try await connection.run { session in
                        try session.copyIn("COPY lines FROM STDIN") { copy in
                            try copy.write("1\tfirst\n" + bad)
                            for id in 2...200_000 { try copy.write("\(id)\tline after the wrong one\n") }
                        }
                    }
                }
                #expect(error?.code == .server)
                #expect(error?.sqlState != nil)
                #expect(error?.context?.contains("line 2") == true)
            }
            let left = try await count(connection)
            #expect(left == 0)
        }
    }

    @Test func `a reader that throws stops the COPY`() async throws {
        try await withLines { connection in
            await #expect(throws: Refusal.self) {
                try await connection.run { session in
                    try session.copyOut("COPY (SELECT generate_series(1, 100000000)) TO STDOUT") { _ in
                        throw Refusal()
                    }
                }
            }
            let left = try await count(connection)
            #expect(left == 0)
        }
    }

    @Test func `a failure in the middle of COPY out is thrown`() async throws {
        try await withLines { connection in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.run { session in
                    try session.copyOut("COPY (SELECT 1 / (5 - n) FROM generate_series(1, 9) n) TO STDOUT") { _ in }
                }
            }
            #expect(error?.sqlState == "22012")
        }
    }

    @Test(arguments: ["SELECT 1", "COPY lines TO STDOUT", "COPY nowhere FROM STDIN", ""])
    func `another statement is refused and the connection goes on`(sql: String) async throws {
        try await withLines { connection in
            await #expect(throws: PostgresError.self) {
                try await connection.run { try $0.copyIn(sql) { _ in } }
            }
            let left = try await count(connection)
            #expect(left == 0)
        }
    }
}
