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

    /// The next row of an account; nil where the next row is another's.
    func next(of account: Int64) throws -> Value? {
        if position == piece.count {
            piece = try fetch() ?? []
            position = 0
        }
        guard position < piece.count, piece[position].account == account else { return nil }
        defer { position += 1 }
        return piece[position].value
    }
}
