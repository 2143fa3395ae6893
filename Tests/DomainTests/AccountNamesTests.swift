import Domain
import Testing

/// A slug that no account has is answered with those that may be meant.
@Suite struct AccountNamesTests {
    private static let names = AccountNames([
        .init(userID: "aaaaaaaa-0000-0000-0000-000000000001", slug: "tidewater", name: "Tidewater, Inc."),
        .init(userID: "aaaaaaaa-0000-0000-0000-000000000002", slug: "kranich-soehne", name: "Kranich & Söhne GmbH"),
        .init(userID: "aaaaaaaa-0000-0000-0000-000000000003", slug: "customer1", name: "One"),
        .init(userID: "aaaaaaaa-0000-0000-0000-000000000004", slug: "customer2", name: "长风视频科技"),
        .init(userID: "aaaaaaaa-0000-0000-0000-000000000005", slug: "q1", name: "Quick"),
    ])

    @Test(arguments: [
        ("Tidewater", ["tidewater"]), ("TIDEWATER", ["tidewater"]), ("tide-water", ["tidewater"]),
        ("tidewatre", ["tidewater"]), ("tidewter", ["tidewater"]), ("Tidewater, Inc.", ["tidewater"]),
        ("tide", ["tidewater"]), ("tidewater2", ["tidewater"]), ("kranich", ["kranich-soehne"]),
        ("Kranich & Söhne GmbH", ["kranich-soehne"]), ("kranich_soehne", ["kranich-soehne"]),
        ("customer", ["customer1", "customer2"]), ("Customer 2", ["customer2"]), ("长风视频科技", ["customer2"]),
        ("aaaaaaaa-0000-0000-0000-000000000005", ["q1"]), ("Q-1", ["q1"]),
    ]) func `names that are like it are suggested, the likeliest first`(typed: String, meant: [String]) {
        let refusal = #expect(throws: DaybookError.self) { try Self.names.require(typed) }
        #expect(refusal?.kind == .usage && refusal?.sentence == "There is no account \"\(typed)\"")
        #expect(refusal?.advice == .nameAccount(similar: meant, outcome: nil))
    }

    @Test(arguments: ["nobody", "", "x", "../x", "水", "zzzzzzzzzzzz", "watertide"])
    func `nothing is suggested where nothing is like it`(typed: String) {
        #expect(Self.names.unknown(typed).advice == .nameAccount(similar: [], outcome: nil))
    }

    @Test func `a slug is found, and a book without accounts says how they come in`() throws {
        #expect(try Self.names.require("q1").name == "Quick")
        #expect(AccountNames([]).unknown("x").advice == .nameAccount(similar: nil, outcome: nil))
    }

    @Test func `whatever was typed stands on one line`() {
        let sentence = Self.names.unknown("a\nb\r\u{1B}[2J" + String(repeating: "x", count: 500)).sentence
        #expect(!sentence.contains { $0.isNewline } && !sentence.contains("\u{1B}") && sentence.count < 200)
    }
}
