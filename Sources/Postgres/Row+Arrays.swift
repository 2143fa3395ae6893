public import Domain

extension Row {
    /// An array of integers, none of them null.
    public func ints(_ column: some ColumnReference) throws -> [Int64] {
        try decode(column)
    }

    /// An array of integers, none of them null; nil where the array is.
    public func optionalInts(_ column: some ColumnReference) throws -> [Int64]? {
        try decodeIfPresent(column)
    }

    /// An array of booleans, none of them null.
    public func bools(_ column: some ColumnReference) throws -> [Bool] {
        try decode(column)
    }

    /// An array of booleans, none of them null; nil where the array is.
    public func optionalBools(_ column: some ColumnReference) throws -> [Bool]? {
        try decodeIfPresent(column)
    }

    /// An array of texts, or of an enum's values, none of them null.
    public func texts(_ column: some ColumnReference) throws -> [String] {
        try decode(column)
    }

    /// An array of texts, or of an enum's values, none of them null; nil where the array is.
    public func optionalTexts(_ column: some ColumnReference) throws -> [String]? {
        try decodeIfPresent(column)
    }

    /// An array of `uuid`s, none of them null.
    public func uuids(_ column: some ColumnReference) throws -> [String] {
        try decode(column, as: [UUIDText].self).map(\.text)
    }

    /// An array of `uuid`s, none of them null; nil where the array is.
    public func optionalUuids(_ column: some ColumnReference) throws -> [String]? {
        try decodeIfPresent(column, as: [UUIDText].self)?.map(\.text)
    }

    /// An array of `timestamptz`, none of them null.
    public func instants(_ column: some ColumnReference) throws -> [Instant] {
        try decode(column)
    }

    /// An array of `timestamptz`, none of them null; nil where the array is.
    public func optionalInstants(_ column: some ColumnReference) throws -> [Instant]? {
        try decodeIfPresent(column)
    }

    /// An array of `date`s, none of them null.
    public func dates(_ column: some ColumnReference) throws -> [CalendarDate] {
        try decode(column)
    }

    /// An array of `date`s, none of them null; nil where the array is.
    public func optionalDates(_ column: some ColumnReference) throws -> [CalendarDate]? {
        try decodeIfPresent(column)
    }

    /// An array of `numeric`s, none of them null.
    public func numerics(_ column: some ColumnReference) throws -> [Numeric] {
        try decode(column)
    }

    /// An array of `numeric`s, none of them null; nil where the array is.
    public func optionalNumerics(_ column: some ColumnReference) throws -> [Numeric]? {
        try decodeIfPresent(column)
    }

    /// The elements of an array of one dimension, nulls among them as ``Value/null``.
    public func elements(_ column: some ColumnReference) throws -> [Value] {
        try read(column, asked: "an array") { (cell: Cell) throws(CellFault) in
            guard !cell.isNull else { throw .null }
            return try cell.elements()
        }
    }
}
