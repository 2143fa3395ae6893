/// What points at a column of a ``Row``: its index from 0, or its name.
public protocol ColumnReference {
    /// The index in these columns.
    ///
    /// Throws ``PostgresError`` with code ``PostgresError/Code/decoding`` where there is no such column.
    func index(in columns: [ColumnDescription]) throws -> Int
}

extension Int: ColumnReference {
    /// The number itself, if there are as many columns.
    public func index(in columns: [ColumnDescription]) throws -> Int {
        guard columns.indices.contains(self) else {
            throw PostgresError(.decoding, "The result has \(columns.count) columns, none with index \(self).")
        }
        return self
    }
}

extension String: ColumnReference {
    /// The first column of this name.
    public func index(in columns: [ColumnDescription]) throws -> Int {
        guard let index = columns.firstIndex(where: { $0.name == self }) else {
            throw PostgresError(.decoding, "The result has no column \"\(self)\".", column: self)
        }
        return index
    }
}
