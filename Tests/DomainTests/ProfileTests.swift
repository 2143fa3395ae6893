import Domain
import Formats
import Foundation
import Testing

/// The shipped profile, and variations of it.
enum Profiles {
    static func document() throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "reports/sla/standard-profile.json"), encoding: .utf8)
    }

    static func standard() throws -> ContractProfile { try ContractProfile(json: Array(try document().utf8)) }
}

@Suite struct ProfileTests {
    @Test func `the shipped profile holds what is promised in writing`() throws {
        let profile = try Profiles.standard()
        #expect(profile.availabilityTarget.description == "99.9000")
        #expect(profile.completions["sora-2"] == .init(target: try #require(Percent("95")), limitSeconds: 120))
        #expect(profile.clock == .dispatch)
        #expect(profile.longestLimitSeconds == 600)
    }

    @Test(arguments: [
        ("\"from_percent\": \"99\"", "\"from_percent\": \"99.1\"", "no tier covers"),
        ("\"from_percent\": \"99\"", "\"from_percent\": \"98.9\"", "two tiers cover"),
        ("\"target_percent\": \"99.9\"", "\"target_percent\": \"99.95\"", "no tier covers"),
        ("\"clock\": \"dispatch\"", "\"clock\": \"submit\"", "must be dispatch or accept"),
        ("\"limit_seconds\": 120", "\"limit_seconds\": 0", "between 1 second"),
        ("\"limit_seconds\": 120", "\"limit_minutes\": 2", "unknown key"),
        ("\"version\": 1", "\"version\": 0", "starts at 1"),
        ("\"monitored_percent\": \"95\"", "\"monitored_percent\": \"101\"", "not a percentage"),
        ("\"input_refused\"", "\"everything\"", "cannot be excluded"),
    ])
    func `a profile with a gap, an overlap or a misspelt key is refused`(old: String, new: String, why: String) throws {
        let document = try Profiles.document()
        let changed = document.replacingOccurrences(of: old, with: new)
        #expect(changed != document)
        let error = #expect(throws: DaybookError.self) { try ContractProfile(json: Array(changed.utf8)) }
        #expect(error?.sentence.contains(why) == true, "\(error?.sentence ?? "")")
        #expect(error?.kind == .badData)
    }

    @Test(arguments: [
        (99_900, "0.0000"), (99_899, "5.0000"), (99_000, "5.0000"), (98_999, "10.0000"), (95_000, "10.0000"),
        (94_999, "25.0000"), (0, "25.0000"),
    ])
    func `tiers are half-open`(good: Int64, credit: String) throws {
        let profile = try Profiles.standard()
        #expect(profile.serviceCredit(for: Attainment(good: good, valid: 100_000)).description == credit)
    }
}

@Suite struct CSVReaderTests {
    private func read(_ text: String) throws -> [[String]] {
        var reader = CSVReader()
        var records: [[String]] = []
        // One byte at a time: no state may be lost between two pieces.
        for byte in text.utf8 { try reader.read([byte]) { records.append($0.map(\.text)) } }
        try reader.finish { records.append($0.map(\.text)) }
        return records
    }

    @Test func `quotes, commas, both line ends and a byte order mark are understood`() throws {
        #expect(
            try read("\u{FEFF}a,b\r\n\"x,\"\"y\"\"\n\",2\n,\n\nlast") == [
                ["a", "b"], ["x,\"y\"\n", "2"], ["", ""], ["last"],
            ])
    }

    @Test(arguments: [
        ("a\n\"open", 2, 1), ("a\"b", 1, 2), ("\"a\"b", 1, 4), ("a\rb", 1, 3), ("x,y\n1,\"2\n3\"4", 3, 3),
    ])
    func `a defect is named with its place`(text: String, line: Int, column: Int) throws {
        let defect = #expect(throws: CSVDefect.self) { _ = try read(text) }
        #expect(defect?.line == line)
        #expect(defect?.column == column)
    }
}
