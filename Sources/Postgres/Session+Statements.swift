internal import CLibPQ

extension Session {
    /// Runs one statement and returns all its rows, copied out.
    ///
    /// For results that may be large use ``forEachRow(_:_:onColumns:_:)``.
    public func query(_ sql: String, _ parameters: [Value] = []) throws -> [Row] {
        try lookingUp {
            let result = try perform(sql, parameters)
            let columns = ColumnList(result.columns)
            return (0..<PQntuples(result.pointer)).map { Row(copying: result.pointer, row: $0, columns: columns) }
        }
    }

    /// Runs one statement and returns how many rows it changed, or returned and dropped.
    @discardableResult
    public func execute(_ sql: String, _ parameters: [Value] = []) throws -> Int {
        try lookingUp { try perform(sql, parameters).affectedRows }
    }

    /// Runs one statement that PostgreSQL refuses inside of a transaction, such as `CREATE DATABASE`.
    ///
    /// Names are looked up as the login has it: there must be none to look up.
    public func executeAlone(_ sql: String) throws {
        let connection = try ready()
        do {
            try result(of: PQsendQuery(connection, sql), connection, sql)
        } catch {
            throw explained(error)
        }
    }

    /// Runs statements without parameters, separated by semicolons.
    ///
    /// Outside a transaction they are one: the first failure undoes them all,
    /// unless the script has transaction statements of its own.
    public func executeScript(_ sql: String) throws {
        let connection = try ready()
        // Several statements in one message are one transaction, in which the first holds for all.
        let prefix = isInTransaction ? nil : beginningSQL
        do {
            try result(of: PQsendQuery(connection, (prefix.map { $0 + ";" } ?? "") + sql), connection, sql)
        } catch {
            throw explained(error)
        }
    }

    /// The columns that a statement would return, without running it; none if it returns no rows.
    public func columns(of sql: String) throws -> [ColumnDescription] {
        try lookingUp {
            let connection = try ready()
            // The empty name is the unnamed statement, which the next one replaces.
            try result(of: PQsendPrepare(connection, "", sql, 0, nil), connection, sql)
            return try result(of: PQsendDescribePrepared(connection, ""), connection, sql).columns
        }
    }

    /// Runs one statement with its whole result in memory, in binary.
    private func perform(_ sql: String, _ parameters: [Value]) throws -> ResultHandle {
        let connection = try ready()
        return try result(of: send(sql, parameters, on: connection), connection, sql)
    }

    /// Sends one statement; 1 if that went well, as libpq says it.
    func send(
        _ sql: String, _ parameters: [Value], rows format: RowFormat = .binary, on connection: OpaquePointer
    ) throws -> Int32 {
        try BoundParameters(parameters).withPointers { bound in
            PQsendQueryParams(
                connection, sql, bound.count, bound.types, bound.values, bound.lengths, bound.formats, format.rawValue
            )
        }
    }
}

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
