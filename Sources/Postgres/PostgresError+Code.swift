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
