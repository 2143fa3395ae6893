/// Rows that come in pieces, taken one account after the other.
final class GroupedRows<Value> {
    /// A few thousand rows, each with the number of its account.
    typealias Piece = [(account: Int64, value: Value)]

    private let fetch: () throws -> Piece?
    private var piece: Piece = []
    private var position = 0

    /// Takes from a source of pieces, which gives nil after the last and never an empty one. Rows are ordered by the
    /// number of the account.
    init(_ fetch: @escaping () throws -> Piece?) { self.fetch = fetch }

    /// The next rows, as long as they are an account's.
    func forEach(of account: Int64, _ body: (Value) throws -> Void) throws {
        while true {
            if position == piece.count {
                piece = try fetch() ?? []
                position = 0
            }
            let isEmpty = piece.isEmpty
            try piece.withUnsafeBufferPointer { rows in
                while position < rows.count, rows[position].account == account {
                    try body(rows[position].value)
                    position += 1
                }
            }
            // The next row is another account's, or there is none.
            if position < piece.count || isEmpty { return }
        }
    }
}
