public import Domain

extension RowView {
    /// An array of integers, none of them null.
    public func ints(_ index: Int) throws -> [Int64] {
        try decode(index)
    }

    /// An array of integers, none of them null; nil where the array is.
    public func optionalInts(_ index: Int) throws -> [Int64]? {
        try decodeIfPresent(index)
    }

    /// An array of booleans, none of them null.
    public func bools(_ index: Int) throws -> [Bool] {
        try decode(index)
    }

    /// An array of booleans, none of them null; nil where the array is.
    public func optionalBools(_ index: Int) throws -> [Bool]? {
        try decodeIfPresent(index)
    }

    /// An array of texts, or of an enum's values, none of them null.
    public func texts(_ index: Int) throws -> [String] {
        try decode(index)
    }

    /// An array of texts, or of an enum's values, none of them null; nil where the array is.
    public func optionalTexts(_ index: Int) throws -> [String]? {
        try decodeIfPresent(index)
    }

    /// An array of `uuid`s, none of them null.
    public func uuids(_ index: Int) throws -> [String] {
        try decode(index, as: [UUIDText].self).map(\.text)
    }

    /// An array of `uuid`s, none of them null; nil where the array is.
    public func optionalUuids(_ index: Int) throws -> [String]? {
        try decodeIfPresent(index, as: [UUIDText].self)?.map(\.text)
    }

    /// An array of `timestamptz`, none of them null.
    public func instants(_ index: Int) throws -> [Instant] {
        try decode(index)
    }

    /// An array of `timestamptz`, none of them null; nil where the array is.
    public func optionalInstants(_ index: Int) throws -> [Instant]? {
        try decodeIfPresent(index)
    }

    /// An array of `date`s, none of them null.
    public func dates(_ index: Int) throws -> [CalendarDate] {
        try decode(index)
    }

    /// An array of `date`s, none of them null; nil where the array is.
    public func optionalDates(_ index: Int) throws -> [CalendarDate]? {
        try decodeIfPresent(index)
    }

    /// An array of `numeric`s, none of them null.
    public func numerics(_ index: Int) throws -> [Numeric] {
        try decode(index)
    }

    /// An array of `numeric`s, none of them null; nil where the array is.
    public func optionalNumerics(_ index: Int) throws -> [Numeric]? {
        try decodeIfPresent(index)
    }

    /// The elements of an array of one dimension, nulls among them as ``Value/null``.
    public func elements(_ index: Int) throws -> [Value] {
        try read(index, asked: "an array") { (cell: Cell) throws(CellFault) in
            guard !cell.isNull else { throw .null }
            return try cell.elements()
        }
    }
}
