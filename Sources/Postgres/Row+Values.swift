public import Domain

extension Row {
    /// An `int2`, `int4`, `int8` or `oid`.
    public func int(_ column: some ColumnReference) throws -> Int64 {
        try decode(column)
    }

    /// An `int2`, `int4`, `int8` or `oid`; nil for null.
    public func optionalInt(_ column: some ColumnReference) throws -> Int64? {
        try decodeIfPresent(column)
    }

    /// A `boolean`.
    public func bool(_ column: some ColumnReference) throws -> Bool {
        try decode(column)
    }

    /// A `boolean`; nil for null.
    public func optionalBool(_ column: some ColumnReference) throws -> Bool? {
        try decodeIfPresent(column)
    }

    /// Text: `text`, `varchar`, `bpchar`, `name`, `json`, `jsonb`, `xml`, an enum.
    public func text(_ column: some ColumnReference) throws -> String {
        try decode(column)
    }

    /// Text: `text`, `varchar`, `bpchar`, `name`, `json`, `jsonb`, `xml`, an enum; nil for null.
    public func optionalText(_ column: some ColumnReference) throws -> String? {
        try decodeIfPresent(column)
    }

    /// A `uuid`, lowercase with hyphens.
    public func uuid(_ column: some ColumnReference) throws -> String {
        try decode(column, as: UUIDText.self).text
    }

    /// A `uuid`, lowercase with hyphens; nil for null.
    public func optionalUuid(_ column: some ColumnReference) throws -> String? {
        try decodeIfPresent(column, as: UUIDText.self)?.text
    }

    /// A `timestamptz`, to the microsecond.
    public func instant(_ column: some ColumnReference) throws -> Instant {
        try decode(column)
    }

    /// A `timestamptz`, to the microsecond; nil for null.
    public func optionalInstant(_ column: some ColumnReference) throws -> Instant? {
        try decodeIfPresent(column)
    }

    /// A `date`; an infinite one does not fit.
    public func date(_ column: some ColumnReference) throws -> CalendarDate {
        try decode(column)
    }

    /// A `date`; an infinite one does not fit; nil for null.
    public func optionalDate(_ column: some ColumnReference) throws -> CalendarDate? {
        try decodeIfPresent(column)
    }

    /// A `numeric`, without loss.
    public func numeric(_ column: some ColumnReference) throws -> Numeric {
        try decode(column)
    }

    /// A `numeric`, without loss; nil for null.
    public func optionalNumeric(_ column: some ColumnReference) throws -> Numeric? {
        try decodeIfPresent(column)
    }

    /// A `real` or `double precision`.
    public func double(_ column: some ColumnReference) throws -> Double {
        try decode(column)
    }

    /// A `real` or `double precision`; nil for null.
    public func optionalDouble(_ column: some ColumnReference) throws -> Double? {
        try decodeIfPresent(column)
    }
}
