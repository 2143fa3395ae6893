import Postgres

/// Reads a query's rows in pieces, for one account after the other: two of them can be read side by side in one
/// transaction, in flat memory.
final class GroupedCursor<Value> {
    private let session: Session
    private let name: String
    private let pieceRows: Int
    private let decode: (borrowing RowView) throws -> Value
    private var buffer: [(account: Int64, value: Value)] = []
    private var position = 0
    private var isAtEnd = false

    /// Opens the cursor. The query's first column is the number of the account, by which it is ordered.
    init(
        _ name: String, _ query: BoundQuery, session: Session, pieceRows: Int = 20_000,
        decode: @escaping (borrowing RowView) throws -> Value
    ) throws {
        self.session = session
        self.name = name
        self.pieceRows = pieceRows
        self.decode = decode
        try session.execute("DECLARE \(name) NO SCROLL CURSOR FOR \(query.sql)", query.parameters)
    }

    /// The next row of an account; nil where the next row is another's.
    func next(of account: Int64) throws -> Value? {
        if position == buffer.count { try fetch() }
        guard position < buffer.count, buffer[position].account == account else { return nil }
        defer { position += 1 }
        return buffer[position].value
    }

    func close() throws { try session.execute("CLOSE \(name)") }

    private func fetch() throws {
        guard !isAtEnd else { return }
        buffer.removeAll(keepingCapacity: true)
        position = 0
        try session.forEachRow("FETCH FORWARD \(pieceRows) FROM \(name)") { row in
            buffer.append((try row.int(0), try decode(row)))
        }
        isAtEnd = buffer.count < pieceRows
    }
}
