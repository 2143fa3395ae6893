/// Slugs that differ where orders do: short ones of few characters, leading zeros, long numbers and hyphens.
public enum RandomSlug {
    private static let parts = [
        "a", "b", "c", "customer", "-", "0", "00", "1", "2", "9", "10", "09", "007", "100000000000000000000",
        "99999999999999999999",
    ]

    public static func next(_ generator: inout SeededRandom) -> String {
        var slug = ""
        for _ in 0..<Int.random(in: 1...5, using: &generator) { slug += parts.randomElement(using: &generator) ?? "" }
        return String(slug.prefix(64))
    }
}
