public import Domain

/// What both kinds of row share: ``Row``, which is kept, and ``RowView``, which streams.
///
/// Accessors take a column's index from 0 or its name. They throw ``PostgresError`` with code
/// ``PostgresError/Code/decoding``, naming the column, where there is no such column, the field is null (unless the
/// accessor is `optional…`) or of a type that does not read so.
public protocol ReadableRow: ~Copyable {
    /// How many columns there are.
    var columnCount: Int { get }
    /// The name of a column.
    func name(_ index: Int) -> String
    /// The type of a column.
    func type(_ index: Int) -> TypeOID
    /// The field of a column, valid as long as the row is.
    func field(_ index: Int) -> Field
}

/// What points at a column of a row: its index from 0, or its name.
public protocol ColumnReference {
    /// The index in this row.
    ///
    /// Throws ``PostgresError`` with code ``PostgresError/Code/decoding`` where there is no such column.
    func index(in row: borrowing some ReadableRow & ~Copyable) throws -> Int
}

extension Int: ColumnReference {
    /// The number itself, if there are as many columns.
    @inlinable
    public func index(in row: borrowing some ReadableRow & ~Copyable) throws -> Int {
        let count = row.columnCount
        guard self >= 0, self < count else { throw Self.beyond(count, self) }
        return self
    }

    @usableFromInline
    static func beyond(_ count: Int, _ index: Int) -> PostgresError {
        PostgresError(.decoding, "The result has \(count) columns, none with index \(index).")
    }
}

extension String: ColumnReference {
    /// The first column of this name.
    public func index(in row: borrowing some ReadableRow & ~Copyable) throws -> Int {
        for index in 0..<row.columnCount where row.name(index) == self { return index }
        throw PostgresError(.decoding, "The result has no column \"\(self)\".", column: self)
    }
}

extension ReadableRow where Self: ~Copyable {
    /// Decodes by a function on the field, which may be null.
    @inlinable @inline(__always)
    func read<Decoded>(
        _ column: some ColumnReference,
        asked: @autoclosure () -> String,
        _ decode: (Field) throws(FieldFault) -> Decoded
    ) throws -> Decoded {
        let index = try column.index(in: self)
        // The field's bytes are the row's.
        defer { withExtendedLifetime(self) {} }
        do throws(FieldFault) {
            return try decode(field(index))
        } catch {
            throw failure(error, index, asked: asked())
        }
    }

    @inlinable @inline(__always)
    func decode<Decoded: FieldDecodable>(
        _ column: some ColumnReference, as decoded: Decoded.Type = Decoded.self
    ) throws -> Decoded {
        try read(column, asked: Decoded.askedName) { (field: Field) throws(FieldFault) in
            guard !field.isNull else { throw .null }
            return try Decoded.decode(field)
        }
    }

    @inlinable @inline(__always)
    func decodeIfPresent<Decoded: FieldDecodable>(
        _ column: some ColumnReference, as decoded: Decoded.Type = Decoded.self
    ) throws -> Decoded? {
        try read(column, asked: Decoded.askedName) { (field: Field) throws(FieldFault) in
            field.isNull ? nil : try Decoded.decode(field)
        }
    }

    @usableFromInline @inline(never)
    func failure(_ fault: FieldFault, _ index: Int, asked: String) -> PostgresError {
        PostgresError(fault, column: ColumnDescription(name: name(index), type: type(index)), asked: asked)
    }
}

// Single values. A million rows are read by these, so that they are specialized where they are called.
extension ReadableRow where Self: ~Copyable {
    /// An `int2`, `int4`, `int8` or `oid`.
    @inlinable
    public func int(_ column: some ColumnReference) throws -> Int64 {
        try decode(column)
    }

    /// An `int2`, `int4`, `int8` or `oid`; nil for null.
    @inlinable
    public func optionalInt(_ column: some ColumnReference) throws -> Int64? {
        try decodeIfPresent(column)
    }

    /// A `boolean`.
    @inlinable
    public func bool(_ column: some ColumnReference) throws -> Bool {
        try decode(column)
    }

    /// A `boolean`; nil for null.
    @inlinable
    public func optionalBool(_ column: some ColumnReference) throws -> Bool? {
        try decodeIfPresent(column)
    }

    /// Text: `text`, `varchar`, `bpchar`, `name`, `json`, `jsonb`, `xml`, an enum.
    @inlinable
    public func text(_ column: some ColumnReference) throws -> String {
        try decode(column)
    }

    /// Text: `text`, `varchar`, `bpchar`, `name`, `json`, `jsonb`, `xml`, an enum; nil for null.
    @inlinable
    public func optionalText(_ column: some ColumnReference) throws -> String? {
        try decodeIfPresent(column)
    }

    /// A `uuid`, lowercase with hyphens.
    @inlinable
    public func uuid(_ column: some ColumnReference) throws -> String {
        try decode(column, as: UUIDText.self).text
    }

    /// A `uuid`, lowercase with hyphens; nil for null.
    @inlinable
    public func optionalUuid(_ column: some ColumnReference) throws -> String? {
        try decodeIfPresent(column, as: UUIDText.self)?.text
    }

    /// A `timestamptz`, to the microsecond.
    @inlinable
    public func instant(_ column: some ColumnReference) throws -> Instant {
        try decode(column)
    }

    /// A `timestamptz`, to the microsecond; nil for null.
    @inlinable
    public func optionalInstant(_ column: some ColumnReference) throws -> Instant? {
        try decodeIfPresent(column)
    }

    /// A `date`; an infinite one does not fit.
    @inlinable
    public func date(_ column: some ColumnReference) throws -> CalendarDate {
        try decode(column)
    }

    /// A `date`; an infinite one does not fit; nil for null.
    @inlinable
    public func optionalDate(_ column: some ColumnReference) throws -> CalendarDate? {
        try decodeIfPresent(column)
    }

    /// The text of a `json` or `jsonb`.
    public func json(_ column: some ColumnReference) throws -> String {
        try decode(column, as: JSONText.self).text
    }

    /// The bytes of a `bytea`; nil for null.
    public func optionalBytes(_ column: some ColumnReference) throws -> [UInt8]? {
        try read(column, asked: "bytes") { (field: Field) throws(FieldFault) in
            guard field.type == .bytea else { throw .wrongType }
            return field.isNull ? nil : Array(field.bytes)
        }
    }
}

// Arrays, none of whose elements is null.
extension ReadableRow where Self: ~Copyable {
    /// An array of integers.
    public func ints(_ column: some ColumnReference) throws -> [Int64] {
        try decode(column)
    }

    /// An array of integers; nil where the array is null.
    public func optionalInts(_ column: some ColumnReference) throws -> [Int64]? {
        try decodeIfPresent(column)
    }

    /// An array of booleans.
    public func bools(_ column: some ColumnReference) throws -> [Bool] {
        try decode(column)
    }

    /// An array of texts, or of an enum's values.
    public func texts(_ column: some ColumnReference) throws -> [String] {
        try decode(column)
    }

    /// An array of texts, or of an enum's values; nil where the array is null.
    public func optionalTexts(_ column: some ColumnReference) throws -> [String]? {
        try decodeIfPresent(column)
    }

    /// An array of `uuid`s.
    public func uuids(_ column: some ColumnReference) throws -> [String] {
        try decode(column, as: [UUIDText].self).map(\.text)
    }

    /// Appends the elements of an array of `interval`s without months, in microseconds; none where it is null.
    public func appendMicroseconds(_ column: some ColumnReference, to elements: inout [Int64]) throws {
        try read(column, asked: "an array of lengths of time without months") { (field: Field) throws(FieldFault) in
            guard !field.isNull else { return }
            let array = try BinaryArray(field)
            guard array.dimensions.count <= 1 else { throw .outOfRange }
            try array.forEachElement { (element: Field) throws(FieldFault) in
                guard !element.isNull else { throw .null }
                elements.append(try ElapsedTime.decode(element).microseconds)
            }
        }
    }

    /// An array of `timestamptz`.
    public func instants(_ column: some ColumnReference) throws -> [Instant] {
        try decode(column)
    }
}

// Values of any type.
extension ReadableRow where Self: ~Copyable {
    /// Any supported value as PostgreSQL's text output has it, an instant as its description; nil for null.
    public func string(_ column: some ColumnReference) throws -> String? {
        try read(column, asked: "text") { (field: Field) throws(FieldFault) in try field.string() }
    }

    /// Appends what ``string(_:)`` returns to a byte buffer; a null appends nothing.
    public func appendText(_ column: some ColumnReference, to buffer: inout [UInt8]) throws {
        try read(column, asked: "text") { (field: Field) throws(FieldFault) in try field.appendText(to: &buffer) }
    }
}
