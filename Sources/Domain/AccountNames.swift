/// What the accounts are called: finds one by its slug, and says which may be meant where there is none.
public struct AccountNames: Sendable {
    /// One account's names.
    public struct Entry: Sendable, Hashable {
        public let userID: String
        public let slug: String
        public let name: String

        public init(userID: String, slug: String, name: String) {
            self.userID = userID
            self.slug = slug
            self.name = name
        }
    }

    private let entries: [Entry]

    public init(_ entries: [Entry]) {
        self.entries = entries
    }

    /// Throws `usage` where no account has the slug, naming the slugs that are like it.
    public func require(_ slug: String) throws(DaybookError) -> Entry {
        guard let entry = entries.first(where: { $0.slug == slug }) else { throw unknown(slug) }
        return entry
    }

    public func has(_ slug: String) -> Bool { entries.contains { $0.slug == slug } }

    /// The refusal of a slug that no account has.
    ///
    /// - Parameters:
    ///   - also: What else would have been taken in its place, such as `or owner`.
    ///   - outcome: What became of the call, where that is not plain, as the end of a sentence.
    public func unknown(_ text: String, also: String = "", outcome: String? = nil) -> DaybookError {
        .usage(
            "There is no account\(also.isEmpty ? "" : " " + also) \"\(Self.shown(text))\"",
            .nameAccount(similar: entries.isEmpty ? nil : near(text), outcome: outcome))
    }

    /// What somebody typed, on one line.
    private static func shown(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(80).map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
    }

    /// The slugs of the accounts that may be meant, the likeliest first, at most ``Limits/accountsSuggested``.
    private func near(_ text: String) -> [String] {
        let typed = Self.letters(String(text.prefix(Limits.nameLength)))
        let ranked = entries.compactMap { entry in
            Self.distance(typed, to: entry, typed: text).map { (distance: $0, slug: entry.slug) }
        }.inNaturalOrder(of: \.slug).enumerated().sorted {
            ($0.element.distance, $0.offset) < ($1.element.distance, $1.offset)
        }.map(\.element)
        // Whose name it is but for case and punctuation is meant, and nobody else.
        let same = ranked.filter { $0.distance == 0 }
        return (same.isEmpty ? ranked : same).prefix(Limits.accountsSuggested).map(\.slug)
    }

    /// How far what was typed is from an account's names; nil where it is something else.
    private static func distance(_ letters: [Character], to entry: Entry, typed text: String) -> Int? {
        if text.lowercased() == entry.userID { return 0 }
        guard letters.count >= 2 else { return nil }
        return [entry.slug, entry.name].compactMap { name -> Int? in
            let other = Self.letters(name)
            if letters == other { return 0 }
            if letters.count >= 3, other.starts(with: letters) { return 1 }
            if other.count >= 3, letters.starts(with: other) { return 2 }
            let edits = Misspelling.edits(letters, other, most: letters.count >= 6 ? 2 : 1)
            return edits.map { $0 + 2 }
        }.min()
    }

    /// Letters and digits alone: case, blanks, hyphens and punctuation are what people get wrong.
    private static func letters(_ text: String) -> [Character] {
        text.lowercased().filter { $0.isLetter || $0.isNumber }.map(\.self)
    }
}

extension Account {
    /// The account of a slug. Throws `usage` where there is none, naming those that are like it.
    public static func named(_ slug: String, among accounts: [Account]) throws(DaybookError) -> Account {
        if let account = accounts.first(where: { $0.slug == slug }) { return account }
        let names = AccountNames(accounts.map { .init(userID: $0.userID, slug: $0.slug, name: $0.name) })
        throw names.unknown(slug)
    }
}
