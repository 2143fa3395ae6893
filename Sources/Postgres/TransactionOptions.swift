/// How a transaction runs.
public struct TransactionOptions: Sendable, Hashable {
    /// What a transaction sees of others.
    public enum Isolation: String, Sendable, Hashable, CaseIterable {
        /// Each statement sees what was committed before it.
        case readCommitted = "READ COMMITTED"
        /// All statements see what was committed before the first.
        case repeatableRead = "REPEATABLE READ"
        /// As if transactions ran one after another; may fail with 40001 and be tried again.
        case serializable = "SERIALIZABLE"
    }

    /// What the transaction sees of others.
    public var isolation: Isolation
    /// True refuses every change.
    public var readOnly: Bool
    /// True lets a serializable, read-only transaction wait until it can run without ever failing.
    public var deferrable: Bool
    /// The longest a statement may run, in milliseconds; nil leaves the session's limit, 0 is none.
    public var statementTimeoutMilliseconds: Int?
    /// The longest a statement may wait for a lock, in milliseconds; nil leaves the session's limit, 0 is none.
    public var lockTimeoutMilliseconds: Int?

    /// The longest the session may do nothing in the transaction before the server ends it, in milliseconds; nil leaves
    /// the session's limit. A stopped process then holds no lock for longer.
    public var idleTimeoutMilliseconds: Int?

    /// True undoes the transaction at its end, whatever was done in it.
    ///
    /// Read-only is not without effects: PostgreSQL lets a notification be sent, and before version 16 a large object
    /// be made.
    public var isUndone: Bool
    /// True notes before the transaction how far a standby has replayed, for ``Session/snapshotInstant()``.
    public var notesReplay: Bool

    /// Options, each of which has PostgreSQL's default.
    public init(
        isolation: Isolation = .readCommitted,
        readOnly: Bool = false,
        deferrable: Bool = false,
        statementTimeoutMilliseconds: Int? = nil,
        lockTimeoutMilliseconds: Int? = nil,
        idleTimeoutMilliseconds: Int? = nil,
        isUndone: Bool = false,
        notesReplay: Bool = false
    ) {
        self.isolation = isolation
        self.readOnly = readOnly
        self.deferrable = deferrable
        self.statementTimeoutMilliseconds = statementTimeoutMilliseconds
        self.lockTimeoutMilliseconds = lockTimeoutMilliseconds
        self.idleTimeoutMilliseconds = idleTimeoutMilliseconds
        self.isUndone = isUndone
        self.notesReplay = notesReplay
    }

    /// Reads only, all from one moment.
    public static let snapshot = TransactionOptions(isolation: .repeatableRead, readOnly: true)

    /// True where all statements see what was committed before the first, and nothing is changed.
    var readsOneMoment: Bool { readOnly && isolation == .repeatableRead }

    /// The statement that begins such a transaction.
    ///
    /// That it writes is not said: a standby takes no such statement, and whoever made a database or a login read-only
    /// by default meant it.
    var beginSQL: String {
        var sql = "BEGIN ISOLATION LEVEL \(isolation.rawValue)"
        sql += readOnly ? ", READ ONLY" : ""
        sql += deferrable ? ", DEFERRABLE" : ", NOT DEFERRABLE"
        return sql
    }

    /// The statements that set its limits; nil where it has none of its own.
    var limitsSQL: String? {
        let limits = [
            ("statement_timeout", statementTimeoutMilliseconds), ("lock_timeout", lockTimeoutMilliseconds),
            ("idle_in_transaction_session_timeout", idleTimeoutMilliseconds),
        ]
        let statements = limits.compactMap { name, limit in limit.map { "SET LOCAL \(name) = \($0)" } }
        return statements.isEmpty ? nil : statements.joined(separator: "; ")
    }
}
