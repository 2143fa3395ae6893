import Domain
import Postgres
import TestSupport
import Testing

@Suite struct ArrayTests {
    private func one(_ sql: String, _ parameters: [Value] = []) async throws -> Row {
        try await withConnection { connection in
            try await connection.run { session in try session.query(sql, parameters)[0] }
        }
    }

    @Test func `arrays of every type go and come back`() async throws {
        let instants = [Instant(microseconds: 1), .distantFuture, .distantPast]
        let uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
        let row = try await one(
            "SELECT $1 AS i, $2 AS t, $3 AS u, $4 AS at, $5 AS b",
            [
                .ints([.min, 0, .max]), .texts(["", "a,b", "{\"}\\", "NULL"]), .uuids([uuid]), .instants(instants),
                .bools([true, false]),
            ]
        )
        #expect(try row.ints("i") == [.min, 0, .max])
        #expect(try row.texts("t") == ["", "a,b", "{\"}\\", "NULL"])
        #expect(try row.uuids("u") == [uuid])
        #expect(try row.instants("at") == instants)
        #expect(try row.bools("b") == [true, false])
    }

    @Test func `smaller integers, names, documents and enums in arrays`() async throws {
        let row = try await withConnection { connection in
            try await connection.run { session in
                try session.executeScript("CREATE TYPE mood AS ENUM ('calm', 'cross')")
                return try session.query(
                    """
                    SELECT '{1,-2}'::int2[], '{3,-4}'::int4[], '{a,b}'::name[], '{calm,cross}'::mood[],
                        ARRAY['{"a": 1}'::jsonb], '{x,y}'::varchar[]
                    """
                )[0]
            }
        }
        #expect(try row.ints(0) == [1, -2])
        #expect(try row.ints(1) == [3, -4])
        #expect(try row.texts(2) == ["a", "b"])
        #expect(try row.texts(3) == ["calm", "cross"])
        #expect(try row.texts(4) == ["{\"a\": 1}"])
        #expect(try row.texts(5) == ["x", "y"])
        #expect(try row.string(3) == "{calm,cross}")
    }

    @Test func `lengths of time are read to the microsecond, with their days, and never with months`() async throws {
        let row = try await one(
            """
            SELECT ARRAY['294260-01-01 00:00:00.000001Z'::timestamptz - '2026-10-01Z', interval '-1 microsecond'] AS v,
                NULL::interval[] AS n, ARRAY[interval '1 month'] AS m, ARRAY[NULL::interval] AS e,
                ARRAY[interval '178000000 days'] AS g
            """)
        var lengths: [Int64] = [7]
        try row.appendMicroseconds("v", to: &lengths)
        try row.appendMicroseconds("n", to: &lengths)
        #expect(lengths == [7, 9_221_990_659_200_000_001, -1])
        for column in ["m", "e", "g"] {
            #expect(throws: PostgresError.self) { try row.appendMicroseconds(column, to: &lengths) }
        }
        #expect(lengths.count == 3)
    }

    @Test func `empty arrays and null arrays`() async throws {
        let row = try await one("SELECT $1 AS e, NULL::int8[] AS n", [.ints([])])
        #expect(try row.ints("e") == [])
        #expect(try row.string("e") == "{}")
        #expect(try row.optionalInts("n") == nil)
        #expect(throws: PostgresError.self) { try row.ints("n") }
    }

    @Test func `nulls within arrays are printed or an error, never skipped`() async throws {
        let row = try await one("SELECT $1 AS v", [.array([.int(1), .null, .int(.max)], of: .int8)])
        #expect(try row.string("v") == "{1,NULL,9223372036854775807}")
        #expect(throws: PostgresError.self) { try row.ints("v") }
    }

    @Test func `an element of another type is refused before it is sent`() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await one("SELECT $1", [.array([.int(1), .text("two")], of: .int8)])
        }
        #expect(error?.code == .encoding)
    }

    @Test(arguments: [
        "SELECT '{{1,2},{3,NULL}}'::int4[]",
        "SELECT '{{{a},{b}},{{c},{d}}}'::text[]",
        #"SELECT ARRAY['', 'null', 'NULL', 'a b', 'q"q', 'b\b', '{', ',', E'tab\t', 'plain']"#,
        "SELECT '{t,f,NULL}'::bool[]",
        "SELECT '{1.50,NaN}'::numeric[]",
        "SELECT '{2026-10-01,infinity}'::date[]",
        #"SELECT ARRAY['\x00ff'::bytea]"#,
    ])
    func `arrays print as the server prints them`(sql: String) async throws {
        let row = try await one("SELECT v, v::text FROM (\(sql)) AS s (v)")
        #expect(try row.string(0) == row.text(1))
    }

    @Test func `more dimensions than one are no list`() async throws {
        let row = try await one("SELECT '{{1,2},{3,4}}'::int4[]")
        #expect(throws: PostgresError.self) { try row.ints(0) }
    }

    @Test func `a hundred thousand elements`() async throws {
        let numbers = (0..<100_000).map { Int64($0) * 7_919 }
        let row = try await one("SELECT $1, (SELECT sum(n)::int8 FROM unnest($1) n)", [.ints(numbers)])
        #expect(try row.ints(0) == numbers)
        #expect(try row.int(1) == numbers.reduce(0, +))
    }
}
