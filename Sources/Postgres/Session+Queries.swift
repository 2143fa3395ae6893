internal import CLibPQ

extension Session {
    /// Refuses a text that is anything but one query that only reads: a `SELECT`, `VALUES` or `TABLE`, with or without
    /// a `WITH`.
    ///
    /// The judge is the server's own grammar: the text is prepared, and not run, as the query of a cursor. There it
    /// takes a query and nothing else, a prepared statement is never more than one, and a `WITH` that writes and a
    /// `SELECT … INTO` are refused as well. What it takes there means the same when it is run by itself, which is how
    /// it is run then: a cursor would have neither parallel workers nor a time limit over all of its rows.
    ///
    /// Throws ``PostgresError``: ``SQLState/syntaxError`` or ``SQLState/featureNotSupported`` for other statements.
    public func requireQuery(_ sql: String, _ parameters: [Value] = []) throws {
        let connection = try ready()
        let declaration = "DECLARE daybook_query NO SCROLL CURSOR FOR\n\(sql)"
        let sent = try BoundParameters(parameters).withPointers { bound in
            // The empty name is the unnamed statement, which the next one replaces.
            PQsendPrepare(connection, "", declaration, bound.count, bound.types)
        }
        try result(of: sent, connection, declaration)
    }
}
