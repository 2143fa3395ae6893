/// A relation with its schema.
struct TableName: Sendable, Hashable, CustomStringConvertible {
    /// As SQL writes it.
    let description: String
    let schema: String
    let relation: String

    /// - Parameter text: Schema and name, as SQL writes them.
    init(_ text: String) {
        let words = SQLWords.tokens(of: text).filter(\.isWord).map(\.text)
        description = text
        schema = words.first ?? ""
        relation = words.last ?? ""
    }
}

/// What the text of a function, a procedure or a rule writes and calls, as far as its words say it.
///
/// It errs on the side of finding: what stands in its strings counts too, because it may be run from there.
struct RoutineText: Sendable {
    /// A way to write a table.
    enum Command: String, Sendable, Hashable, CaseIterable {
        case insert = "INSERT"
        case update = "UPDATE"
        case delete = "DELETE"
        case truncate = "TRUNCATE"
    }

    /// One relation that is written.
    struct Write: Sendable, Hashable {
        let command: Command
        /// As it is named; nil without one.
        let schema: String?
        let relation: String
    }

    let writes: Set<Write>
    /// Names that are followed by a parenthesis.
    let calls: Set<String>
    /// True where it runs SQL that it puts together while it runs.
    let isAssembled: Bool
    private let words: Set<String>

    init(_ text: String) {
        let tokens = SQLWords.tokens(of: text)
        words = Set(tokens.lazy.filter(\.isWord).map(\.text))
        // Pieces of SQL that are put together with || follow each other.
        let plain = tokens.filter { $0.text != "'" && $0.text != "|" }
        var writes: Set<Write> = []
        var calls: Set<String> = []
        for index in plain.indices {
            let token = plain[index]
            guard token.isWord else { continue }
            if plain[(index + 1)...].first?.text == "(" { calls.insert(token.text) }
            for (command, start) in Self.targets(of: plain, at: index) {
                if let write = Self.relation(plain, from: start, command) { writes.insert(write) }
            }
        }
        self.writes = writes
        self.calls = calls
        isAssembled = tokens.indices.contains { Self.runsAssembled(tokens, at: $0) }
    }

    /// True where it writes a table by a command, with its schema or without.
    func writes(_ command: Command, _ table: TableName) -> Bool {
        writes.contains { write in
            write.command == command && write.relation == table.relation
                && (write.schema.map { $0 == table.schema } ?? true)
        }
    }

    /// True for a text that names a relation and writes something, where nobody can say what.
    func mayWrite(_ relation: String) -> Bool {
        isAssembled && words.contains(relation)
            && !words.isDisjoint(with: ["insert", "update", "delete", "truncate", "merge", "copy"])
    }

    /// The same of a language whose statements are strings of another one.
    func mentions(_ relation: String) -> Bool { words.contains(relation) }

    /// The commands that begin at a word, and where their table's name begins.
    private static func targets(of tokens: [SQLWords.Token], at index: Int) -> [(Command, Int)] {
        func word(_ offset: Int) -> String? {
            tokens.indices.contains(index + offset) ? tokens[index + offset].text : nil
        }
        func skipped(_ offset: Int, _ noise: Set<String>) -> Int {
            var offset = offset
            while let word = word(offset), noise.contains(word) { offset += 1 }
            return index + offset
        }
        switch (tokens[index].text, word(1)) {
        case ("insert", "into"): return [(.insert, index + 2)]
        case ("update", _): return [(.update, skipped(1, ["only"]))]
        case ("delete", "from"): return [(.delete, skipped(2, ["only"]))]
        case ("merge", "into"):
            let start = skipped(2, ["only"])
            return [(.insert, start), (.update, start), (.delete, start)]
        case ("copy", _): return [(.insert, index + 1)]
        case ("truncate", _):
            // Several tables may follow, until the statement ends.
            let rest = tokens[(index + 1)...].prefix { $0.text != ";" }
            return rest.indices.map { (.truncate, $0) }
        default: return []
        }
    }

    private static func relation(_ tokens: [SQLWords.Token], from start: Int, _ command: Command) -> Write? {
        guard tokens.indices.contains(start), tokens[start].isWord else { return nil }
        var parts = [tokens[start].text]
        var next = start + 1
        while next + 1 < tokens.count, tokens[next].text == ".", tokens[next + 1].isWord {
            parts.append(tokens[next + 1].text)
            next += 2
        }
        return Write(command: command, schema: parts.dropLast().last, relation: parts[parts.count - 1])
    }

    /// True for an EXECUTE of anything but one string that stands there whole.
    private static func runsAssembled(_ tokens: [SQLWords.Token], at index: Int) -> Bool {
        guard tokens[index].isWord, tokens[index].text == "execute", index + 1 < tokens.count else { return false }
        if index > 0, ["grant", "revoke", ","].contains(tokens[index - 1].text) { return false }
        let next = tokens[index + 1].text
        guard next == "'" else { return !["function", "procedure", "on"].contains(next) }
        guard let end = tokens[(index + 2)...].firstIndex(where: { $0.text == "'" }) else { return true }
        let after = tokens[(end + 1)...].first?.text
        return !(after.map { [";", "using", "into", "loop"].contains($0) } ?? true)
    }
}

/// The words of SQL and PL/pgSQL, in their order: comments are gone, and what stands in strings is read too.
enum SQLWords {
    struct Token: Sendable, Hashable {
        /// A word in lower case, or as it stands in quotation marks; or one character.
        let text: String
        let isWord: Bool
    }

    /// An apostrophe stands at either end of what was a string.
    static func tokens(of text: String) -> [Token] {
        var reader = Reader(Array(text.unicodeScalars))
        return reader.read()
    }

    private struct Reader {
        /// Strings in strings that are read: nobody quotes deeper, and a text that does must not exhaust the stack.
        private static let depth = 8

        private let scalars: [Unicode.Scalar]
        private let depth: Int
        private var position = 0
        private var tokens: [Token] = []

        init(_ scalars: [Unicode.Scalar], depth: Int = Self.depth) {
            self.scalars = scalars
            self.depth = depth
        }

        private func scalar(_ offset: Int) -> Unicode.Scalar? {
            scalars.indices.contains(position + offset) ? scalars[position + offset] : nil
        }

        mutating func read() -> [Token] {
            while let scalar = scalar(0) {
                switch scalar {
                case "-" where self.scalar(1) == "-": skip { $0 == "\n" }
                case "/" where self.scalar(1) == "*": skipComment()
                case "'": readString()
                case "\"": readQuotedName()
                case "$": readDollarString()
                case _ where Self.isLetter(scalar): readWord()
                default:
                    if !scalar.properties.isWhitespace { tokens.append(Token(text: String(scalar), isWord: false)) }
                    position += 1
                }
            }
            return tokens
        }

        private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
            scalar == "_" || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
        }

        private mutating func skip(until isEnd: (Unicode.Scalar) -> Bool) {
            while let scalar = scalar(0), !isEnd(scalar) { position += 1 }
        }

        private mutating func skipComment() {
            var depth = 0
            repeat {
                if scalar(0) == "/", scalar(1) == "*" {
                    depth += 1
                    position += 2
                } else if scalar(0) == "*", scalar(1) == "/" {
                    depth -= 1
                    position += 2
                } else {
                    position += 1
                }
            } while depth > 0 && position < scalars.count
        }

        private mutating func readWord() {
            let start = position
            while let scalar = scalar(0), Self.isLetter(scalar) || scalar == "$" { position += 1 }
            let word = String(String.UnicodeScalarView(scalars[start..<position])).lowercased()
            // E'…' is a string in which a backslash means something.
            if word == "e", scalar(0) == "'" { return readString(escapes: true) }
            tokens.append(Token(text: word, isWord: true))
        }

        private mutating func readQuotedName() {
            position += 1
            var name = String.UnicodeScalarView()
            while let scalar = scalar(0) {
                position += 1
                if scalar == "\"" {
                    guard self.scalar(0) == "\"" else { break }
                    position += 1
                }
                name.append(scalar)
            }
            tokens.append(Token(text: String(name), isWord: true))
        }

        private mutating func readString(escapes: Bool = false) {
            position += 1
            var content: [Unicode.Scalar] = []
            while let scalar = scalar(0) {
                position += 1
                if escapes, scalar == "\\", let next = self.scalar(0) {
                    content.append(next)
                    position += 1
                    continue
                }
                if scalar == "'" {
                    guard self.scalar(0) == "'" else { break }
                    position += 1
                }
                content.append(scalar)
            }
            append(content)
        }

        private mutating func readDollarString() {
            let start = position
            var end = position + 1
            while end < scalars.count, Self.isLetter(scalars[end]) { end += 1 }
            guard end < scalars.count, scalars[end] == "$" else {
                position += 1
                return
            }
            let tag = scalars[start...end]
            position = end + 1
            var close = position
            while close + tag.count <= scalars.count, !scalars[close..<(close + tag.count)].elementsEqual(tag) {
                close += 1
            }
            let last = min(close, scalars.count)
            append(Array(scalars[position..<max(last, position)]))
            position = min(close + tag.count, scalars.count)
        }

        /// A string may be run: its words follow, between two marks.
        private mutating func append(_ content: [Unicode.Scalar]) {
            let mark = Token(text: "'", isWord: false)
            tokens.append(mark)
            if depth > 0 {
                var inner = Reader(content, depth: depth - 1)
                tokens += inner.read().filter { $0 != mark }
            }
            tokens.append(mark)
        }
    }
}
