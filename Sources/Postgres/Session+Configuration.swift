internal import CLibPQ

/// What stands between this program and its session on the server, and what would end it.
extension Session {
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
