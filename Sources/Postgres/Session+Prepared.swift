internal import CLibPQ
internal import Domain

extension Session {
    /// A statement that the server has parsed, with the types of its parameters.
    struct PreparedKey: Hashable {
        let sql: String
        let types: [UInt32]
    }

    /// Runs one statement that is run often, and gives its rows: this session parses and plans it once.
    ///
    /// Outside a transaction it is one by itself, in one message: what comes back is committed. Names are looked up as
    /// the login has it there, so all of them have to be there with their schema. Behind a pooler, which may hand the
    /// next statement to another session, it is sent like any other.
    public func queryOften(_ sql: String, _ parameters: [Value] = []) throws -> [Row] {
        let isAlone = !isInTransaction
        do {
            guard !isPooled else { return try query(sql, parameters) }
            return try prepared(sql, parameters)
        } catch let error as PostgresError where isAlone && error.isOfPreparation {
            // The server forgot it, or what it gives has other columns by now. It did nothing yet.
            preparedStatements = [:]
            return try queryAlone(sql, parameters)
        } catch {
            throw isAlone ? explained(error) : error
        }
    }

    private func prepared(_ sql: String, _ parameters: [Value]) throws -> [Row] {
        let connection = try ready()
        let bound = try BoundParameters(parameters)
        let key = PreparedKey(sql: sql, types: parameters.map(\.type.rawValue))
        let name: String
        if let known = preparedStatements[key] {
            name = known
        } else {
            // The empty name is the unnamed statement, which the next one replaces.
            let isKept = preparedStatements.count < Limits.preparedStatements
            preparedCount += 1
            name = isKept ? "daybook_\(preparedCount)" : ""
            let sent = bound.withPointers { PQsendPrepare(connection, name, sql, $0.count, $0.types) }
            try result(of: sent, connection, sql)
            if isKept { preparedStatements[key] = name }
        }
        let sent = bound.withPointers { bound in
            PQsendQueryPrepared(
                connection, name, bound.count, bound.values, bound.lengths, bound.formats, RowFormat.binary.rawValue)
        }
        let result = try result(of: sent, connection, sql)
        let columns = ColumnList(result.columns)
        return (0..<PQntuples(result.pointer)).map { Row(copying: result.pointer, row: $0, columns: columns) }
    }
}

extension PostgresError {
    /// True where a statement cannot be run as it was prepared: it is not there any more, or its result has changed.
    fileprivate var isOfPreparation: Bool {
        sqlState == .invalidStatementName || sqlState == .featureNotSupported
    }
}
