import Domain
import Formats
import Testing

/// A number has one text in the canonical form, however it is written, and nothing of it is rounded.
@Suite struct CanonicalNumberTests {
    private func canonical(_ text: String) throws -> String {
        String(decoding: try JSON(parsing: Array(text.utf8)).bytes(.canonical), as: UTF8.self)
    }

    @Test(arguments: [
        (
            "1",
            [
                "1", "1.0", "1e0", "10e-1", "0.1e1", "1.000", "1E+0", "100e-2", "0.0001e4", "1e-0",
                "1e00000000000000000000",
            ]
        ),
        ("0", ["0", "-0", "0.0", "-0.000", "0e5", "0E-99999999999999999999", "-0e7"]),
        ("-1.5", ["-1.5", "-1.50", "-15e-1", "-0.15E1"]),
        ("1200", ["1200", "12e2", "1.2e3", "1200.0"]), ("0.001", ["0.001", "1e-3", "0.0010", "10e-4"]),
        (
            "123456789012345678901234567890.5",
            ["123456789012345678901234567890.5", "1234567890123456789012345678905e-1"]
        ),
        ("9007199254740993", ["9007199254740993", "9007199254740993.0", "9.007199254740993e15"]),
        ("1e400", ["1e400", "10e399", "0.1e401", "1.0e+400"]), ("-25e-400", ["-25e-400", "-2.5e-399", "-0.25e-398"]),
        ("1e100000000000000000000000000000", ["1e100000000000000000000000000000", "10e99999999999999999999999999999"]),
        (
            "5e-100000000000000000000000000001",
            ["5e-100000000000000000000000000001", "0.5e-100000000000000000000000000000"]
        ),
    ]) func `the same number is the same text`(text: String, writings: [String]) throws {
        for writing in writings { #expect(try canonical(writing) == text, "\(writing)") }
    }

    @Test func `other numbers are other texts, however near they are`() throws {
        let numbers = [
            "9007199254740992", "9007199254740993", "0.1", "0.10000000000000000001", "1e400", "1e401", "1e-400",
            "1e100000000000000000000000000000", "1e100000000000000000000000000001", "-1", "1",
            "1234567890123456789012345678901234567890123456789012345678901234",
            "1234567890123456789012345678901234567890123456789012345678901235",
        ]
        #expect(Set(try numbers.map(canonical)).count == numbers.count)
    }

    /// The fingerprints that were kept stay valid: what is written plainly is its own text.
    @Test func `a plain number stays as it is written`() throws {
        let plain = [
            "0", "7", "-42", "3.14", "0.5", "120", String(repeating: "9", count: 64),
            "0." + String(repeating: "1", count: 62),
        ]
        for text in plain { #expect(try canonical(text) == text) }
    }

    /// Random numbers that are the same on every run.
    private struct Sequence: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 33)
        }
    }

    /// What a number is by an arithmetic of its own: digits and a place.
    @Test func `random writings of a number have one text, and those of another number another`() throws {
        var random = Sequence(state: 20_261_129)
        for _ in 0..<2_000 {
            let digits = Int.random(in: 1...9_999_999, using: &random)
            let place = Int.random(in: -40...40, using: &random)
            let zeros = String(repeating: "0", count: Int.random(in: 0...5, using: &random))
            let longer = "\(digits)\(zeros)e\(place - zeros.count)"
            let point = "0.\(digits)\(zeros)e\(place + String(digits).count)"
            let text = try canonical("\(digits)e\(place)")
            #expect(try canonical(longer) == text && canonical(point) == text, "\(digits)e\(place)")
            #expect(try canonical("\(digits + 1)e\(place)") != text && canonical("-\(longer)") == "-" + text)
        }
    }
}
