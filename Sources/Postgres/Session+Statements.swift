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
