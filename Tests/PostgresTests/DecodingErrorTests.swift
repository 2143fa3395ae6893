import Postgres
import TestSupport
import Testing

@Suite struct DecodingErrorTests {
    private func row(_ sql: String) async throws -> Row {
        try await withConnection { connection in
            try await connection.run { session in try session.query(sql)[0] }
        }
    }

    @Test func `a wrong type names the column, its type and what was asked`() async throws {
        let row = try await row("SELECT 'secret' AS label")
        let error = #expect(throws: PostgresError.self) { try row.int("label") }
        #expect(error?.code == .decoding)
        #expect(error?.column == "label")
        #expect(error?.sentence == "Column \"label\" is of type text, which does not read as an integer.")
    }

    @Test func `a null is an error unless it is allowed for`() async throws {
        let row = try await row("SELECT NULL::int8 AS total")
        let error = #expect(throws: PostgresError.self) { try row.int("total") }
        #expect(error?.sentence == "Column \"total\" (int8) is null where an integer is needed.")
        #expect(try row.optionalInt("total") == nil)
        #expect(try row.isNull("total"))
        #expect(try row.string("total") == nil)
    }

    @Test func `a column that is not there is an error`() async throws {
        let row = try await row("SELECT 1 AS one")
        #expect(throws: PostgresError.self) { try row.int("two") }
        #expect(throws: PostgresError.self) { try row.int(1) }
        #expect(throws: PostgresError.self) { try row.isNull(-1) }
    }

    @Test func `a numeric is no integer and a float no instant`() async throws {
        let row = try await row("SELECT 1.0::numeric, 1.0::float8, '1 day'::interval, row(1, 2)")
        #expect(throws: PostgresError.self) { try row.int(0) }
        #expect(throws: PostgresError.self) { try row.instant(1) }
        #expect(throws: PostgresError.self) { try row.string(2) }
        #expect(throws: PostgresError.self) { try row.string(3) }
    }

    @Test func `streamed rows fail in the same words`() async throws {
        try await withConnection { connection in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.run { session in
                    _ = try session.forEachRow("SELECT true AS flag") { row in _ = try row.uuid(0) }
                }
            }
            #expect(error?.sentence == "Column \"flag\" is of type bool, which does not read as a uuid.")
            let after = try await connection.run { session in try session.query("SELECT 1")[0].int(0) }
            #expect(after == 1)
        }
    }
}
