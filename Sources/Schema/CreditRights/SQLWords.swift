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
