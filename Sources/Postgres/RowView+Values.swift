public import Domain

extension RowView {
    /// An `int2`, `int4`, `int8` or `oid`.
    public func int(_ index: Int) throws -> Int64 {
        try decode(index)
    }

    /// An `int2`, `int4`, `int8` or `oid`; nil for null.
    public func optionalInt(_ index: Int) throws -> Int64? {
        try decodeIfPresent(index)
    }

    /// A `boolean`.
    public func bool(_ index: Int) throws -> Bool {
        try decode(index)
    }

    /// A `boolean`; nil for null.
    public func optionalBool(_ index: Int) throws -> Bool? {
        try decodeIfPresent(index)
    }

    /// Text: `text`, `varchar`, `bpchar`, `name`, `json`, `jsonb`, `xml`, an enum.
    public func text(_ index: Int) throws -> String {
        try decode(index)
    }

    /// Text: `text`, `varchar`, `bpchar`, `name`, `json`, `jsonb`, `xml`, an enum; nil for null.
    public func optionalText(_ index: Int) throws -> String? {
        try decodeIfPresent(index)
    }

    /// A `uuid`, lowercase with hyphens.
    public func uuid(_ index: Int) throws -> String {
        try decode(index, as: UUIDText.self).text
    }

    /// A `uuid`, lowercase with hyphens; nil for null.
    public func optionalUuid(_ index: Int) throws -> String? {
        try decodeIfPresent(index, as: UUIDText.self)?.text
    }

    /// A `timestamptz`, to the microsecond.
    public func instant(_ index: Int) throws -> Instant {
        try decode(index)
    }

    /// A `timestamptz`, to the microsecond; nil for null.
    public func optionalInstant(_ index: Int) throws -> Instant? {
        try decodeIfPresent(index)
    }

    /// A `date`; an infinite one does not fit.
    public func date(_ index: Int) throws -> CalendarDate {
        try decode(index)
    }

    /// A `date`; an infinite one does not fit; nil for null.
    public func optionalDate(_ index: Int) throws -> CalendarDate? {
        try decodeIfPresent(index)
    }

    /// A `numeric`, without loss.
    public func numeric(_ index: Int) throws -> Numeric {
        try decode(index)
    }

    /// A `numeric`, without loss; nil for null.
    public func optionalNumeric(_ index: Int) throws -> Numeric? {
        try decodeIfPresent(index)
    }

    /// A `real` or `double precision`.
    public func double(_ index: Int) throws -> Double {
        try decode(index)
    }

    /// A `real` or `double precision`; nil for null.
    public func optionalDouble(_ index: Int) throws -> Double? {
        try decodeIfPresent(index)
    }
}
