import Domain
import Postgres
import TestSupport
import Testing

@Suite struct ScalarTests {
    /// Sends a value, lets the server print it, and reads it back.
    private func roundTrip(_ value: Value, _ cast: String) async throws -> (Row, String?) {
        try await withConnection { connection in
            try await connection.run { session in
                let row = try session.query("SELECT $1::\(cast) AS v, ($1::\(cast))::text AS t", [value])[0]
                return (row, try row.optionalText("t"))
            }
        }
    }

    @Test func `integers keep their extremes`() async throws {
        let row = try await withConnection { connection in
            try await connection.run { session in
                try session.query(
                    """
                    SELECT (-32768)::int2, 32767::int2, (-2147483648)::int4, 2147483647::int4, $1, $2, 4294967295::oid
                    """,
                    [.int(.min), .int(.max)]
                )[0]
            }
        }
        let read = try (0..<7).map { try row.int($0) }
        #expect(read == [-32768, 32767, -2_147_483_648, 2_147_483_647, .min, .max, 4_294_967_295])
    }

    @Test(arguments: [true, false])
    func `booleans`(flag: Bool) async throws {
        let (row, text) = try await roundTrip(.bool(flag), "bool")
        #expect(try row.bool("v") == flag)
        #expect(text == (flag ? "true" : "false"))
        #expect(try row.string("v") == (flag ? "t" : "f"))
    }

    @Test(arguments: ["", "plain", "quote ' and \" and \\", "żółć 🐘 \u{301}", "line\nbreak\tand tab", "NULL"])
    func `text of any kind`(text: String) async throws {
        let (row, _) = try await roundTrip(.text(text), "text")
        #expect(try row.text("v") == text)
        #expect(try row.string("v") == text)
    }

    @Test func `the other text types and enums read as text`() async throws {
        let row = try await withConnection { connection in
            try await connection.run { session in
                try session.executeScript(
                    "CREATE TYPE mood AS ENUM ('calm', 'cross'); CREATE DOMAIN word AS text CHECK (VALUE <> '')"
                )
                return try session.query(
                    """
                    SELECT 'a'::varchar(9), 'b'::char(3), 'c'::name, $1::mood, 'e'::word, '"f"'::json, '"g"'::jsonb,
                        'cross'::mood = $2 AS same
                    """,
                    [.unknown("calm"), .unknown("cross")]
                )[0]
            }
        }
        #expect(try (0..<7).map { try row.text($0) } == ["a", "b  ", "c", "calm", "e", "\"f\"", "\"g\""])
        #expect(try row.bool("same"))
    }

    @Test func `uuids come in lower case and go in any case`() async throws {
        let (row, _) = try await roundTrip(.uuid("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), "uuid")
        #expect(try row.uuid("v") == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
        await #expect(throws: PostgresError.self) { try await roundTrip(.uuid("a0eebc99"), "uuid") }
    }

    @Test(arguments: [
        (Instant(microseconds: 0), "1970-01-01 00:00:00+00"),
        (Instant(microseconds: 1_790_827_199_999_999), "2026-10-01 03:59:59.999999+00"),
        (Instant(microseconds: -1), "1969-12-31 23:59:59.999999+00"),
        (Instant(microseconds: -210_866_803_200_000_000), "4714-11-24 00:00:00+00 BC"),
        (.distantFuture, "infinity"), (.distantPast, "-infinity"),
    ])
    func `instants to the microsecond`(instant: Instant, text: String) async throws {
        let (row, printed) = try await roundTrip(.instant(instant), "timestamptz")
        #expect(try row.instant("v") == instant)
        #expect(printed == text)
    }

    @Test func `instants print with offset in reports`() async throws {
        let (row, _) = try await roundTrip(.instant(Instant(microseconds: 1_500_000)), "timestamptz")
        #expect(try row.string("v") == "1970-01-01T00:00:01.500000+00:00")
    }

    @Test func `an instant before PostgreSQL's first is refused and one beyond ours is an error`() async throws {
        await #expect(throws: PostgresError.self) {
            try await roundTrip(.instant(Instant(microseconds: .min + 1)), "timestamptz")
        }
        let last = try await withConnection { connection in
            try await connection.run { session in try session.query("SELECT '294276-12-31 UTC'::timestamptz")[0] }
        }
        #expect(throws: PostgresError.self) { try last.instant(0) }
    }

    @Test(arguments: [(1970, 1, 1), (2000, 2, 29), (1, 1, 1), (9999, 12, 31), (2026, 10, 1)])
    func `dates`(year: Int, month: Int, day: Int) async throws {
        let date = try #require(CalendarDate(year: year, month: month, day: day))
        let (row, printed) = try await roundTrip(.date(date), "date")
        #expect(try row.date("v") == date)
        #expect(printed == date.description)
        #expect(try row.string("v") == date.description)
    }

    @Test func `an infinite date prints and is no calendar day`() async throws {
        let (row, _) = try await roundTrip(.unknown("infinity"), "date")
        #expect(try row.string("v") == "infinity")
        #expect(throws: PostgresError.self) { try row.date("v") }
    }

    @Test(arguments: ["json", "jsonb"])
    func `documents`(type: String) async throws {
        let (row, _) = try await roundTrip(.unknown(#"{"a": [1, "ü", null]}"#), type)
        #expect(try row.json("v") == #"{"a": [1, "ü", null]}"#)
        let (sent, _) = try await roundTrip(.json(#"{"b":1e3}"#), "jsonb")
        #expect(try sent.json("v") == #"{"b": 1000}"#)
    }

    @Test(arguments: [
        0.1, -0.0, 1, 1e14, 1e15, 1e-4, 1e-5, -123456.789, .infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
    ])
    func `floating-point numbers print as the server does`(number: Double) async throws {
        let (row, text) = try await roundTrip(.unknown("\(number)"), "float8")
        #expect(try row.string("v") == text)
        let fits = !number.isFinite || Float(number).isFinite && Float(number) != 0
        let (small, smallText) = try await roundTrip(.unknown("\(fits ? number : 0)"), "float4")
        #expect(try small.string("v") == smallText)
    }

    @Test func `bytes`() async throws {
        let (row, text) = try await roundTrip(.bytes([0, 1, 127, 128, 255]), "bytea")
        #expect(try row.optionalBytes("v") == [0, 1, 127, 128, 255])
        #expect(try row.string("v") == text)
    }

    @Test func `a function that returns nothing reads as empty text`() async throws {
        let row = try await withConnection { connection in
            try await connection.run { session in try session.query("SELECT pg_sleep(0)")[0] }
        }
        #expect(try row.string(0) == "")
    }
}

@Suite struct NumericTests {
    static let texts =
        [
            "0", "0.0", "0.000000", "1", "-1", "9999", "10000", "10001", "99999999", "100000000", "0.1", "0.0001",
            "0.00001", "-0.00010", "1.10", "12345.67890", "-98765432109876543210.0123456789", "NaN", "Infinity",
            "-Infinity", "1000000000000000000000000", "0.00000000000000000000000001", "123456789.000000001",
        ] + [
            String(repeating: "9876543210", count: 100),
            "-0." + String(repeating: "0", count: 999) + "7",
            "1" + String(repeating: "0", count: 999) + "." + String(repeating: "1", count: 500) + "0",
            "0." + String(repeating: "0", count: 16_382) + "1",
        ]

    @Test func `every value comes from the server digit by digit`() async throws {
        try await withConnection { connection in
            try await connection.run { session in
                for text in NumericTests.texts {
                    let row = try session.query("SELECT $1::numeric, $1::numeric::text", [.unknown(text)])[0]
                    #expect(try row.text(1) == text)
                    #expect(try row.string(0) == text)
                }
            }
        }
    }

    @Test(arguments: ["1e3", "1.5e-3", "-2E+2", "00012.500", "+7", ".5", "5.", "inf", "-inf", "1e-20", "0e5", "-0"])
    func `other forms print as PostgreSQL prints them`(text: String) async throws {
        let (expected, seen) = try await withConnection { connection in
            try await connection.run { session in
                let row = try session.query("SELECT $1::numeric::text, $1::numeric", [.unknown(text)])[0]
                return (try row.text(0), try row.string(1))
            }
        }
        #expect(seen == expected)
    }
}
