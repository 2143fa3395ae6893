import Postgres

/// Reads a query's rows in pieces through a cursor: two of them can be read side by side on one connection, in flat
/// memory.
final class RowCursor<Value> {
    private let session: Session
    private let name: String
    private let pieceRows: Int
    private let decode: (borrowing RowView) throws -> Value
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
        try query.declare(name, in: session)
    }

    /// The next rows; nil after the last.
    func fetch() throws -> GroupedRows<Value>.Piece? {
        guard !isAtEnd else { return nil }
        var piece: GroupedRows<Value>.Piece = []
        piece.reserveCapacity(pieceRows)
        try session.forEachRow("FETCH FORWARD \(pieceRows) FROM \(name)") { row in
            piece.append((try row.int(0), try decode(row)))
        }
        isAtEnd = piece.count < pieceRows
        if isAtEnd { try session.execute("CLOSE \(name)") }
        return piece.isEmpty ? nil : piece
    }
}
