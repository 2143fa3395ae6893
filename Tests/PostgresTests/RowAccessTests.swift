import Domain
import Postgres
import TestSupport
import Testing

/// A streamed row is read by index on a way of its own, which must give what every other way gives.
@Suite struct RowAccessTests {
    /// Every type that is read, at its edges, null, and what does not read.
    private static let columns = [
        "0::int2", "(-32768)::int2", "32767::int2", "0::int4", "(-2147483648)::int4", "2147483647::int4", "0::int8",
        "(-9223372036854775808)::int8", "9223372036854775807::int8", "0::oid", "4294967295::oid", "true", "false",
        "'2026-10-25 01:30:00.123456+00'::timestamptz", "'infinity'::timestamptz", "'-infinity'::timestamptz",
        "'4714-11-24 00:00:00+00 BC'::timestamptz", "'294276-12-31 23:59:59.999999+00'::timestamptz",
        "'2026-02-28'::date", "'infinity'::date", "''::text", "'word'::text", "'12345678'::text", "'1234'::bpchar",
        "'00000000-0000-0000-0000-00000000000f'::uuid", "1.50::numeric", "0.5::float4", "0.5::float8",
        #"'\x0001020304050607'::bytea"#, "'{}'::bytea", "'{\"a\": 1}'::jsonb", "'[1]'::json", "'{1,2,NULL}'::int8[]",
        "'{a,b}'::text[]", "'2026-01-01 00:00:00'::timestamp", "'12:34:56'::time", "NULL::int2", "NULL::int4",
        "NULL::int8", "NULL::oid", "NULL::bool", "NULL::timestamptz", "NULL::date", "NULL::text", "NULL::uuid",
        "NULL::bytea",
    ]

    /// What a row says when it is asked for everything in a column, errors included.
    private static func answers(
        _ row: borrowing some ReadableRow & ~Copyable, _ column: some ColumnReference
    ) -> [String] {
        func answer(_ ask: () throws -> Any?) -> String {
            do { return try ask().map { "\($0)" } ?? "null" } catch { return "\(error)" }
        }
        var all: [String] = []
        all.append(answer { try row.int(column) })
        all.append(answer { try row.optionalInt(column) })
        all.append(answer { try row.instant(column).microseconds })
        all.append(answer { try row.optionalInstant(column)?.microseconds })
        all.append(answer { try row.string(column) })
        return all
    }

    /// The same by the index of a streamed row.
    private static func directAnswers(_ row: borrowing RowView, _ index: Int) -> [String] {
        func answer(_ ask: () throws -> Any?) -> String {
            do { return try ask().map { "\($0)" } ?? "null" } catch { return "\(error)" }
        }
        var all: [String] = []
        all.append(answer { try row.int(index) })
        all.append(answer { try row.optionalInt(index) })
        all.append(answer { try row.instant(index).microseconds })
        all.append(answer { try row.optionalInstant(index)?.microseconds })
        all.append(answer { try row.string(index) })
        return all
    }

    @Test func `every type reads the same by index and by name, streamed and copied, and so do its errors`()
        async throws
    {
        let sql =
            "SELECT " + Self.columns.enumerated().map { "\($1) AS c\($0)" }.joined(separator: ", ")
        try await withConnection { connection in
            try await connection.run { session in
                let copied = try session.query(sql)[0]
                #expect(copied.columnCount == Self.columns.count)
                let expected = (0..<copied.columnCount).map { Self.answers(copied, "c\($0)") }
                // What is compared is more than errors, and more than values.
                #expect(expected[7][0] == "\(Int64.min)" && expected[7][1] == "\(Int64.min)")
                #expect(expected[7][2].contains("does not read as an instant"))
                #expect(expected[38][0].contains("is null where an integer is needed") && expected[38][1] == "null")
                try session.forEachRow(sql) { row in
                    for index in 0..<row.columnCount {
                        #expect(Self.directAnswers(row, index) == expected[index], "\(Self.columns[index])")
                        #expect(Self.answers(row, index) == expected[index], "\(Self.columns[index])")
                        #expect(row.type(index) == copied.type(index))
                        let isNull = try copied.isNull(index)
                        #expect(row.isNull(index) == isNull)
                    }
                    for index in [-1, row.columnCount, .max, .min] {
                        #expect(throws: PostgresError.self) { try row.int(index) }
                        #expect(throws: PostgresError.self) { try row.optionalInstant(index) }
                    }
                }
            }
        }
    }

    @Test(arguments: [0, 1, 2, 1000]) func `all rows come, in order, inside and outside of a transaction`(
        count: Int
    ) async throws {
        try await withConnection { connection in
            let sql = "SELECT n, n::text AS label FROM generate_series(1::bigint, $1) AS n"
            let read = { @Sendable (session: Session) in
                var rows: [Int64] = []
                let told = try session.forEachRow(sql, [Value(count)]) { row in
                    rows.append(try row.int(0))
                    #expect(row.bytes(1).elementsEqual("\(try row.int(0))".utf8))
                }
                #expect(told == count && rows.count == count)
                return rows
            }
            let expected = (0..<count).map { Int64($0 + 1) }
            let outside = try await connection.run { try read($0) }
            let inside = try await connection.transaction(.snapshot) { try read($0) }
            #expect(outside == expected && inside == expected)
        }
    }
}
