internal import CLibPQ

extension Session {
    /// Runs the body in a transaction: committed when it returns, unless the options undo it; rolled back when it
    /// throws.
    ///
    /// Throws what the body threw, and ``PostgresError``:
    /// - ``PostgresError/Code/invalidUse`` inside another transaction, where ``savepoint(_:)`` is meant;
    /// - ``PostgresError/Code/transactionAborted`` if the body returned although a
    ///   statement had failed in it, so that the server rolled back;
    /// - ``PostgresError/Code/commitUnknown`` if the connection was lost while committing;
    /// - ``PostgresError/Code/standby`` or ``PostgresError/Code/readOnlyDatabase``, unless the options say that it only
    ///   reads, where the server takes no changes: before the body where the server says so by itself.
    @discardableResult
    public func transaction<Result>(
        _ options: TransactionOptions = TransactionOptions(),
        _ body: () throws -> Result
    ) throws -> Result {
        guard !isInTransaction else { throw Self.nesting }
        replay = options.notesReplay ? try readReplay() : nil
        readsOneMoment = options.readsOneMoment
        defer { readsOneMoment = false }
        return try transaction(options.beginSQL, options.limitsSQL, options) {
            if !options.readOnly, takesNoChanges { try requireWritable() }
            return try body()
        }
    }

    func transaction<Result>(beginning: String, _ body: () throws -> Result) throws -> Result {
        try transaction(beginning, nil, TransactionOptions(), body)
    }

    private static var nesting: PostgresError {
        PostgresError(.invalidUse, "A transaction cannot begin inside another one.")
    }

    private func transaction<Result>(
        _ begin: String, _ limits: String?, _ options: TransactionOptions, _ body: () throws -> Result
    ) throws -> Result {
        guard !isInTransaction else { throw Self.nesting }
        do {
            // What the options limit comes last: a session's own limits are lifted before it.
            try executeAlone([begin, beginningSQL, limits].compactMap { $0 }.joined(separator: "; "))
            let result = try body()
            try options.isUndone ? undo() : commit(isInDoubt: !options.readOnly)
            return result
        } catch {
            rollBack("ROLLBACK")
            // A transaction that was begun to read refuses changes by itself, whatever the server is.
            throw options.readOnly ? error : explained(error)
        }
    }

    /// Runs the body in a part of the transaction that is undone alone when the body throws.
    ///
    /// Throws what the body threw, and ``PostgresError/Code/invalidUse`` outside a transaction.
    @discardableResult
    public func savepoint<Result>(_ body: () throws -> Result) throws -> Result {
        guard isInTransaction else {
            throw PostgresError(.invalidUse, "A savepoint needs a transaction around it.")
        }
        // Savepoints of one name nest: the latest is the one that is meant.
        try executeScript("SAVEPOINT daybook_part")
        do {
            let result = try body()
            try executeScript("RELEASE SAVEPOINT daybook_part")
            return result
        } catch {
            rollBack("ROLLBACK TO SAVEPOINT daybook_part; RELEASE SAVEPOINT daybook_part")
            throw error
        }
    }

    /// Ends the transaction without keeping anything of it. A lost connection has done so already.
    private func undo() throws {
        guard PQtransactionStatus(openConnection) != PQTRANS_INERROR else {
            throw PostgresError(.transactionAborted, "A statement of the transaction had failed.")
        }
        rollBack("ROLLBACK")
    }

    /// Commits. Of a transaction that only read nothing is in doubt, whatever becomes of its end: a lost connection is
    /// as good an end as any, and so is whatever made the server end it.
    private func commit(isInDoubt: Bool) throws {
        let connection = try ready()
        let tag: String
        do {
            tag = try result(of: PQsendQuery(connection, "COMMIT"), connection, "COMMIT").commandTag
        } catch let error as PostgresError {
            guard isInDoubt || !(isLost || error.code == .replayConflict) else { return }
            guard error.code == .connectionLost else { throw error }
            var unknown = PostgresError(
                .commitUnknown,
                "The connection was lost while a transaction was being committed: it may be committed or not."
            )
            unknown.sqlState = error.sqlState
            unknown.message = error.message
            throw unknown
        }
        guard tag == "COMMIT" else {
            throw PostgresError(
                .transactionAborted,
                "The transaction was rolled back, because a statement in it had failed."
            )
        }
    }

    /// Undoes, whether the work was cancelled or not; a lost connection undoes by itself.
    private func rollBack(_ sql: String) {
        guard let connection = openConnection, isInTransaction else { return }
        canceller.withShield {
            // If even this fails the connection is lost, and the next statement says so.
            if PQsendQuery(connection, sql) == 1 { drain(connection, sql) }
        }
    }
}

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
        statementTimeoutMilliseconds: Int? = nil,
        lockTimeoutMilliseconds: Int? = nil,
        idleTimeoutMilliseconds: Int? = nil,
        isUndone: Bool = false,
        notesReplay: Bool = false
    ) {
        self.isolation = isolation
        self.readOnly = readOnly
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
        "BEGIN ISOLATION LEVEL \(isolation.rawValue)\(readOnly ? ", READ ONLY" : ""), NOT DEFERRABLE"
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
