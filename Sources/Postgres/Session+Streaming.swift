internal import CLibPQ

/// How the server writes the values of rows.
public enum RowFormat: Int32, Sendable {
    /// As `psql` shows them, whatever their type: read with ``RowView/printed(_:)`` alone.
    case text = 0
    /// What every other accessor reads.
    case binary = 1
}

extension Session {
    /// Runs one statement and hands over its rows one by one, in flat memory
    /// however many there are.
    ///
    /// `onColumns` is told the columns before the first row, or before the end
    /// where there is none. If a body throws, the statement is cancelled, its
    /// rest dropped and the error rethrown; the connection stays usable (a
    /// transaction around it has failed, as after any cancelled statement).
    ///
    /// Rows come while the statement runs: an error may follow rows that were
    /// handed over already.
    ///
    /// - Returns: How many rows there were.
    @discardableResult
    public func forEachRow(
        _ sql: String,
        _ parameters: [Value] = [],
        rows format: RowFormat = .binary,
        onColumns: ([ColumnDescription]) throws -> Void = { _ in },
        _ body: (borrowing RowView) throws -> Void
    ) throws -> Int {
        try lookingUp { try stream(sql, parameters, format, onColumns, body) }
    }

    private func stream(
        _ sql: String, _ parameters: [Value], _ format: RowFormat,
        _ onColumns: ([ColumnDescription]) throws -> Void,
        _ body: (borrowing RowView) throws -> Void
    ) throws -> Int {
        let connection = try ready()
        guard try send(sql, parameters, rows: format, on: connection) == 1, PQsetSingleRowMode(connection) == 1 else {
            throw drain(connection, sql) ?? failureOfConnection(sql)
        }
        isStreaming = true
        defer { isStreaming = false }
        var stream = RowStream(sql: sql)
        defer { stream.types.deallocate() }
        do {
            while try deliverNext(connection, &stream, onColumns, body) {}
        } catch {
            if !stream.hasEnded { abandon(connection) }
            throw error
        }
        return stream.rowCount
    }

    /// How far a stream has come.
    private struct RowStream {
        let sql: String
        var rowCount = 0
        /// The types of the columns, asked for once; nil before the first answer.
        private(set) var types = UnsafeMutableBufferPointer<TypeOID>(start: nil, count: 0)
        private(set) var hasColumns = false
        /// True once the server has nothing more to send.
        var hasEnded = false

        mutating func take(_ columns: [ColumnDescription]) {
            hasColumns = true
            types = .allocate(capacity: columns.count)
            _ = types.initialize(from: columns.map(\.type))
        }
    }

    /// Takes one result and hands its row over; false after the last.
    private func deliverNext(
        _ connection: OpaquePointer,
        _ stream: inout RowStream,
        _ onColumns: ([ColumnDescription]) throws -> Void,
        _ body: (borrowing RowView) throws -> Void
    ) throws -> Bool {
        guard let result = ResultHandle(PQgetResult(connection)) else {
            stream.hasEnded = true
            if isLost { throw failureOfConnection(stream.sql) }
            return false
        }
        let isRow = result.status == PGRES_SINGLE_TUPLE
        if !isRow { try requireSuccess(result, connection, &stream) }
        if !stream.hasColumns {
            let columns = result.columns
            stream.take(columns)
            try onColumns(columns)
        }
        guard isRow else { return true }
        guard !canceller.isAsked else { throw PostgresError(.cancelled, "Reading rows was cancelled.") }
        stream.rowCount += 1
        try body(RowView(result: result.pointer, types: UnsafeBufferPointer(stream.types)))
        return true
    }

    private func requireSuccess(
        _ result: borrowing ResultHandle, _ connection: OpaquePointer, _ stream: inout RowStream
    ) throws {
        guard !result.isSuccess else { return }
        stream.hasEnded = true
        if result.isCopying {
            refuseCopy(result, connection, stream.sql)
            throw PostgresError(.invalidUse, "COPY needs copyIn or copyOut.")
        }
        // Whether the connection goes with the statement shows after its last result.
        drain(connection, stream.sql)
        throw failure(result.pointer, stream.sql)
    }
}
