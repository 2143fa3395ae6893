internal import CLibPQ

/// What a session is told once: forms, limits, where names are looked up; and what stands between this program and it.
extension Session {
    /// The text and date forms of every session, no limit that would end it, and a server that notices a client that
    /// is gone while it computes.
    ///
    /// Before anything is set the server is asked who it is: a pooler gives a process number of its own. Through one
    /// nothing is set but in a transaction, to its end.
    func configure() throws {
        isPooled = try backendProcessID() != serverProcessID
        guard !isPooled else { return }
        try executeScript(Self.forms.map { "SET \($0)" }.joined(separator: "; "))
        try liftLimits()
        guard serverVersion >= 140_000 else { return }
        do {
            try executeScript("SET client_connection_check_interval TO '10s'")
        } catch let error as PostgresError where error.code == .server {
            // Servers on systems that cannot watch a socket refuse any value but 0.
        }
    }

    /// The statement by which a transaction looks names up in PostgreSQL's own catalogue alone; nil where the login's
    /// own path is meant.
    ///
    /// The temporary schema is named, and last: unnamed it would be searched first. `SET` takes no snapshot.
    private var lookupSQL: String? { nameLookup == .system ? "SET LOCAL search_path = pg_catalog, pg_temp" : nil }

    /// What every transaction begins with; nil where nothing has to be said. Through a pooler it is all that a session
    /// of our own is told once.
    var beginningSQL: String? {
        guard isPooled else { return lookupSQL }
        let local = (Self.forms + limits.map { "\($0) TO 0" }).map { "SET LOCAL \($0)" }
        return (local + [lookupSQL].compactMap { $0 }).joined(separator: "; ")
    }

    /// Runs a body of one statement; outside of a transaction in one of its own, which says where names are looked up.
    func lookingUp<Result>(_ body: () throws -> Result) throws -> Result {
        guard !isInTransaction else { return try body() }
        // As the server would begin it by itself: a standby takes no transaction that says that it will write.
        guard beginningSQL == nil else { return try transaction(beginning: "BEGIN", body) }
        do { return try body() } catch { throw explained(error) }
    }

    /// Refuses a pooler, before anything was set: `work` is what needs a session of its own, as a sentence begins.
    ///
    /// Throws ``PostgresError/Code/pooled``.
    public func requireDirect(for work: String) throws {
        guard isPooled else { return }
        throw PostgresError(
            .pooled,
            "\(work) needs a session of its own, and a pooler stands between this program and PostgreSQL: connect "
                + "directly, to the server's own address and port. Nothing was changed.")
    }

    /// The forms of texts, instants, numbers and names that this module relies on, as `SET` takes them: a database may
    /// have others.
    static let forms = [
        "standard_conforming_strings TO on", "datestyle TO 'ISO, YMD'", "intervalstyle TO 'postgres'",
        "timezone TO 'UTC'", "extra_float_digits TO 1", "bytea_output TO 'hex'", "quote_all_identifiers TO off",
    ]

    /// Limits by which the server ends a session or its transaction, whatever it is doing, as far as it has them.
    var limits: [String] {
        var names = ["idle_in_transaction_session_timeout"]
        if serverVersion >= 140_000, !isPooled { names.append("idle_session_timeout") }
        if serverVersion >= 170_000 { names.append("transaction_timeout") }
        return names
    }

    /// Lifts the limits that role, database and server put on a session, for this one.
    func liftLimits() throws {
        for name in limits {
            do {
                try executeScript("SET \(name) TO 0")
            } catch let error as PostgresError where error.sqlState == .insufficientPrivilege {
                var refusal = PostgresError(
                    .sessionLimit,
                    "This role may not set \(name) to 0, and the server would end its work half way: let whoever runs "
                        + "the server allow it, or say ALTER ROLE … SET \(name) = 0.")
                refusal.sqlState = error.sqlState
                refusal.message = error.message
                throw refusal
            }
        }
    }

    /// The process of the server that answers, by its own word.
    func backendProcessID() throws -> Int {
        let connection = try ready()
        let sql = "SELECT pg_catalog.pg_backend_pid()"
        let result = try result(of: PQsendQuery(connection, sql), connection, sql)
        guard PQntuples(result.pointer) == 1, let text = PQgetvalue(result.pointer, 0, 0),
            let number = Int(String(cString: text))
        else { throw PostgresError(.protocolViolation, "The server does not say which process it is.") }
        return number
    }
}
