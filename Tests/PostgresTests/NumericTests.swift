import Postgres
import TestSupport
import Testing

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

    @Test(arguments: texts)
    func `prints what it was made of`(text: String) throws {
        #expect(try #require(Numeric(text)).description == text)
    }

    @Test func `every value reaches the server and comes back digit by digit`() async throws {
        try await withConnection { connection in
            try await connection.run { session in
                for text in NumericTests.texts {
                    let value = try #require(Numeric(text))
                    let sent: [Value] = [.numeric(value), .unknown(text)]
                    let row = try session.query("SELECT $1, $1::text, $2::numeric", sent)[0]
                    #expect(try row.text(1) == text)
                    #expect(try row.numeric(0).description == text)
                    #expect(try row.numeric(2).description == text)
                    #expect(try row.string(2) == text)
                }
            }
        }
    }

    @Test(arguments: ["1e3", "1.5e-3", "-2E+2", "00012.500", "+7", ".5", "5.", "inf", "-inf", "1e-20", "0e5", "-0"])
    func `other forms mean what they mean to PostgreSQL`(text: String) async throws {
        let expected = try await withConnection { connection in
            try await connection.run { session in
                try session.query("SELECT $1::numeric::text", [.unknown(text)])[0].text(0)
            }
        }
        #expect(Numeric(text)?.description == expected)
    }

    @Test(arguments: ["", "-", ".", "1.2.3", "1e", "e5", "0x10", " 1", "1 ", "1,5", "--1", "+NaN", "1e999999", "١"])
    func `nothing else is a numeric`(text: String) {
        #expect(Numeric(text) == nil)
    }

    @Test func `scaling is exact or nil`() {
        let cases: [(String, Int, Int64?)] = [
            ("1.5", 3, 1_500), ("1.5", 1, 15), ("1.5", 0, nil), ("1.500", 1, 15), ("0", 6, 0), ("-0.000001", 6, -1),
            ("0.0000001", 6, nil), ("9223372036854775807", 0, .max), ("-9223372036854775808", 0, .min),
            ("9223372036854775808", 0, nil), ("-9223372036854775809", 0, nil), ("9223372036854.775807", 6, .max),
            ("9223372036854.775808", 6, nil), ("1e18", 0, 1_000_000_000_000_000_000), ("1e19", 0, nil),
            ("100000000", 10, 1_000_000_000_000_000_000), ("NaN", 0, nil), ("Infinity", 0, nil),
            ("21.052631", 6, 21_052_631), ("1e-300", 300, 1), ("0.1", 18, 100_000_000_000_000_000),
        ]
        for (text, digits, expected) in cases {
            #expect(Numeric(text)?.scaled(by: digits) == expected, "\(text) by \(digits)")
        }
    }

    @Test(arguments: [(-1_500, 3, "-1.500"), (0, 2, "0.00"), (7, 6, "0.000007"), (123_456, 0, "123456")])
    func `units make a numeric and are got back`(units: Int64, scale: Int, text: String) {
        let value = Numeric(units: units, scale: scale)
        #expect(value.description == text)
        #expect(value.scaled(by: scale) == units)
    }

    @Test func `the extremes of 64 bits are units too`() {
        #expect(Numeric(units: .min, scale: 6).description == "-9223372036854.775808")
        #expect(Numeric(units: .min, scale: 6).scaled(by: 6) == .min)
        #expect(Numeric(units: .max).scaled(by: 0) == .max)
    }

    @Test func `order and equality go by value`() throws {
        let ascending = try [
            "-Infinity", "-10000", "-9999.5", "-1", "-0.00001", "0", "0.00001", "0.1", "1", "9999", "10000", "10000.1",
            "1e30", "Infinity", "NaN",
        ].map { try #require(Numeric($0)) }
        for (left, smaller) in ascending.enumerated() {
            for (right, larger) in ascending.enumerated() {
                #expect((smaller < larger) == (left < right))
                #expect((smaller == larger) == (left == right))
            }
        }
        #expect(Numeric("1.0") == Numeric("1.000"))
        #expect(Set([Numeric("1.0"), Numeric("1.000")]).count == 1)
        #expect(Numeric("-0") == .zero)
    }
}
