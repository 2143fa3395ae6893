/// What went wrong between this program and PostgreSQL.
///
/// ``description`` is one sentence that is safe to show: it holds names, never
/// values, SQL or a password. ``debugDescription`` holds everything but passwords.
public struct PostgresError: Error, Sendable {
    /// What kind of failure this is; callers branch on it.
    public let code: Code
    /// One sentence for people, with what to do about it where that is known.
    public internal(set) var sentence: String
    /// The server's own classification, where the server spoke.
    public internal(set) var sqlState: SQLState?
    /// The name of the constraint that a change would have broken.
    public internal(set) var constraint: String?
    /// The schema of ``table``.
    public internal(set) var schema: String?
    /// The table that the failure is about.
    public internal(set) var table: String?
    /// The column that the failure is about.
    public internal(set) var column: String?
    /// The message of the server or of libpq.
    ///
    /// It may hold values: for logs of operators only.
    public internal(set) var message: String?
    /// The server's detail, which often holds values.
    public internal(set) var detail: String?
    /// The server's hint.
    public internal(set) var hint: String?
    /// Where in functions and COPY data the server was.
    public internal(set) var context: String?
    /// The statement, without its parameters.
    public internal(set) var sql: String?

    /// A failure with a code and a sentence.
    public init(_ code: Code, _ sentence: String, column: String? = nil) {
        self.code = code
        self.sentence = sentence
        self.column = column
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    /// ``sentence``.
    public var description: String { sentence }

    /// Everything that is known, on several lines.
    public var debugDescription: String {
        var lines = ["\(code): \(sentence)"]
        let parts: [(String, String?)] = [
            ("SQLSTATE", sqlState?.rawValue), ("message", message), ("detail", detail), ("hint", hint),
            ("constraint", constraint), ("schema", schema), ("table", table), ("column", column),
            ("context", context), ("SQL", sql),
        ]
        for case (let name, let text?) in parts { lines.append("  \(name): \(text)") }
        return lines.joined(separator: "\n")
    }
}
