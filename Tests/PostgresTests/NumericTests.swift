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
