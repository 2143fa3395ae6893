/// Finds the words and the placeholders of a SQL text, and leaves strings, quoted names and comments alone.
///
/// A placeholder is `:name`, as in psql; `::` is a cast. The rules are those of
/// PostgreSQL's lexer with `standard_conforming_strings` on.
public struct SQLScanner {
    /// A piece of SQL text.
    public enum Token: Equatable, Sendable {
        /// Anything that needs no attention: blanks, punctuation, strings, comments.
        case other(Substring)
        /// An unquoted identifier or keyword.
        case word(Substring)
        /// `:name`, without the colon.
        case placeholder(Substring)
    }

    private var rest: Substring

    private init(_ sql: String) {
        rest = Substring(sql)
    }

    /// Splits a SQL text into its tokens; put together they are the text again.
    public static func tokens(_ sql: String) -> [Token] {
        var scanner = SQLScanner(sql)
        var tokens: [Token] = []
        while !scanner.rest.isEmpty { tokens.append(scanner.next()) }
        return tokens
    }

    /// The names that a query's own first WITH gives to relations, in lower case: there they mean these, whatever
    /// else is called so. A WITH further inside is the server's to tell apart.
    static func definitions(_ sql: String) -> Set<String> {
        let tokens = tokens(sql).filter { !$0.isBlank }
        guard let start = tokens.firstIndex(where: { $0.word != nil }), tokens[start].word == "with" else { return [] }
        var found: Set<String> = []
        var depth = 0
        // The word before a parenthesis on this level, which may be a list of columns.
        var name: String?
        for (index, token) in tokens.enumerated().dropFirst(start + 1) {
            switch token.source {
            case "(": depth += 1
            case ")": depth -= 1
            default:
                guard depth == 0, let word = token.word else { continue }
                let next = tokens[(index + 1)...].first { !["not", "materialized"].contains($0.word) }
                if word == "as", next?.source == "(", let name { found.insert(name) } else { name = word }
            }
            if depth < 0 { break }
        }
        return found
    }

    private mutating func next() -> Token {
        if rest.hasPrefix("--") { return .other(take(through: "\n", from: 2)) }
        if rest.hasPrefix("/*") { return .other(takeBlockComment()) }
        if rest.hasPrefix("::") { return .other(take(count: 2)) }
        guard let first = rest.unicodeScalars.first else { return .other(take(count: 1)) }
        switch first {
        case "'": return .other(take(through: "'", from: 1))
        case "\"": return .other(take(through: "\"", from: 1))
        case "$": return .other(takeDollarQuoted())
        case ":":
            let name = rest.dropFirst().prefix(while: Self.isWord)
            guard let start = name.first, !start.isNumber else { return .other(take(count: 1)) }
            _ = take(count: 1)
            return .placeholder(take(count: name.count))
        case "e" where rest.dropFirst().first == "'", "E" where rest.dropFirst().first == "'":
            return .other(takeEscapeString())
        default:
            let word = rest.prefix(while: Self.isWord)
            return word.isEmpty ? .other(take(count: 1)) : .word(take(count: word.count))
        }
    }

    private static func isWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_"
    }

    private mutating func take(count: Int) -> Substring {
        let taken = rest.prefix(count)
        rest = rest.dropFirst(count)
        return taken
    }

    /// Takes up to and with the next terminator after `offset` characters, or everything.
    private mutating func take(through terminator: Character, from offset: Int) -> Substring {
        let end = rest.dropFirst(offset).firstIndex(of: terminator).map { rest.index(after: $0) } ?? rest.endIndex
        defer { rest = rest[end...] }
        return rest[..<end]
    }

    private mutating func takeEscapeString() -> Substring {
        var index = rest.index(rest.startIndex, offsetBy: 2)
        while index < rest.endIndex, rest[index] != "'" {
            if rest[index] == "\\" { index = rest.index(after: index) }
            if index < rest.endIndex { index = rest.index(after: index) }
        }
        if index < rest.endIndex { index = rest.index(after: index) }
        defer { rest = rest[index...] }
        return rest[..<index]
    }

    private mutating func takeBlockComment() -> Substring {
        var depth = 0
        var index = rest.startIndex
        repeat {
            let here = rest[index...]
            if here.hasPrefix("/*") || here.hasPrefix("*/") {
                depth += here.hasPrefix("/*") ? 1 : -1
                index = rest.index(index, offsetBy: 2)
            } else {
                index = rest.index(after: index)
            }
        } while depth > 0 && index < rest.endIndex
        defer { rest = rest[index...] }
        return rest[..<index]
    }

    /// Takes `$tag$ … $tag$`, or the single dollar sign where no tag begins.
    private mutating func takeDollarQuoted() -> Substring {
        let name = rest.dropFirst().prefix(while: Self.isWord)
        let afterName = rest.dropFirst(1 + name.count)
        guard afterName.first == "$", name.first?.isNumber != true else { return take(count: 1) }
        let tag = String(rest.prefix(name.count + 2))
        let body = rest.dropFirst(tag.count)
        guard let closing = body.firstRange(of: tag) else { return take(count: rest.count) }
        defer { rest = rest[closing.upperBound...] }
        return rest[..<closing.upperBound]
    }
}

extension SQLScanner.Token {
    /// The token's text, a placeholder without its colon.
    public var text: String {
        switch self {
        case .other(let text), .word(let text), .placeholder(let text): String(text)
        }
    }

    /// The token as it stood in the SQL.
    public var source: String {
        if case .placeholder(let name) = self { ":" + name } else { text }
    }

    /// True for blanks and comments, which part words and say nothing.
    fileprivate var isBlank: Bool {
        guard case .other(let text) = self else { return false }
        return text.allSatisfy(\.isWhitespace) || text.hasPrefix("--") || text.hasPrefix("/*")
    }

    /// A word in lower case, as the server reads it; nil for anything else.
    fileprivate var word: String? {
        if case .word(let word) = self { word.lowercased() } else { nil }
    }
}
