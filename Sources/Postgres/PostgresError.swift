public import Domain

/// What went wrong between this program and PostgreSQL.
///
/// ``description`` is one sentence that is safe to show: it holds names, never
/// values, SQL or a password. ``debugDescription`` holds everything but passwords.
public struct PostgresError: Error, Sendable {
    /// What kind of failure this is; callers branch on it.
    public let code: Code
    /// One sentence for people, with what to do about it where that is known: whole, or up to where ``advice`` goes on.
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

    /// What helps, where an option of the program does.
    public var advice: Advice? { code == .standby ? .namePrimary : nil }
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

extension PostgresError {
    /// The kinds of failure.
    ///
    /// The set may grow: keep a default case.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// A stable word for logs and metric labels.
        public let rawValue: String

        /// The code with this word.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The connection settings cannot be read or contradict each other.
        public static let invalidSettings = Code(rawValue: "invalid_settings")
        /// No server answered, or it refused for a reason without a code of its own.
        public static let connectionFailed = Code(rawValue: "connection_failed")
        /// The server does not know the user, or not with this password.
        public static let authenticationFailed = Code(rawValue: "authentication_failed")
        /// The server has no database of that name.
        public static let databaseMissing = Code(rawValue: "database_missing")
        /// The server has no connection to spare.
        public static let tooManyConnections = Code(rawValue: "too_many_connections")
        /// TLS was asked for and could not be agreed on, or a certificate did not verify.
        public static let tlsFailed = Code(rawValue: "tls_failed")
        /// The connection was there and is gone; what ran was not committed.
        public static let connectionLost = Code(rawValue: "connection_lost")
        /// The connection was lost while committing: the transaction may have been committed or not.
        public static let commitUnknown = Code(rawValue: "commit_unknown")
        /// The server refused a statement; its SQLSTATE says why.
        public static let server = Code(rawValue: "server")
        /// The task was cancelled, or somebody cancelled the statement.
        public static let cancelled = Code(rawValue: "cancelled")
        /// A statement ran into `statement_timeout`.
        public static let timeout = Code(rawValue: "timeout")
        /// A lock was not to be had, at once or within `lock_timeout`.
        public static let lockNotAvailable = Code(rawValue: "lock_not_available")
        /// A transaction was rolled back at its COMMIT, because a statement in it had failed.
        public static let transactionAborted = Code(rawValue: "transaction_aborted")
        /// A value is missing, of another type than asked, or does not fit.
        public static let decoding = Code(rawValue: "decoding")
        /// A parameter cannot be sent.
        public static let encoding = Code(rawValue: "encoding")
        /// Client and server no longer understand each other.
        public static let protocolViolation = Code(rawValue: "protocol_violation")
        /// The connection was closed before.
        public static let closed = Code(rawValue: "closed")
        /// No connection of a pool became free in time.
        public static let poolExhausted = Code(rawValue: "pool_exhausted")
        /// What runs needs a session of its own, and a pooler stands in between.
        public static let pooled = Code(rawValue: "pooled")
        /// What runs needs all tables on one server, and some are distributed over several.
        public static let distributed = Code(rawValue: "distributed")
        /// A limit of the server ended the session, or cannot be lifted; what was not committed is undone.
        public static let sessionLimit = Code(rawValue: "session_limit")
        /// A change on a standby, which only follows its primary.
        public static let standby = Code(rawValue: "standby")
        /// A change where transactions are read-only by default: for the server, the database or the login.
        public static let readOnlyDatabase = Code(rawValue: "read_only_database")
        /// A standby stopped what was read, because it stood in the way of its primary's changes.
        public static let replayConflict = Code(rawValue: "replay_conflict")
        /// A call that cannot be made here, such as a statement while rows are streaming.
        public static let invalidUse = Code(rawValue: "invalid_use")
    }
}

extension PostgresError.Code: CustomStringConvertible {
    /// The word.
    public var description: String { rawValue }
}
