internal import CLibPQ
public import Domain

/// One row, copied out of a result: a value that can be kept and sent.
public struct Row: ReadableRow, Sendable {
    private let list: ColumnList
    private let storage: RowStorage
    /// Where each field lies in the storage, nil for null.
    private let ranges: [Range<Int>?]

    /// Copies a row of a result in binary.
    init(copying result: OpaquePointer, row: Int32, columns: ColumnList) {
        var ranges: [Range<Int>?] = []
        ranges.reserveCapacity(columns.descriptions.count)
        var end = 0
        for column in 0..<Int32(columns.descriptions.count) {
            guard PQgetisnull(result, row, column) == 0 else {
                ranges.append(nil)
                continue
            }
            let length = Int(PQgetlength(result, row, column))
            ranges.append(end..<end + length)
            end += length
        }
        list = columns
        self.ranges = ranges
        storage = RowStorage(byteCount: end) { bytes in
            for (column, range) in ranges.enumerated() {
                guard let range, let value = PQgetvalue(result, row, Int32(column)) else { continue }
                let field = UnsafeRawBufferPointer(start: value, count: range.count)
                UnsafeMutableRawBufferPointer(rebasing: bytes[range]).copyMemory(from: field)
            }
        }
    }

    /// The columns in order.
    public var columns: [ColumnDescription] { list.descriptions }

    public var columnCount: Int { ranges.count }

    public func name(_ index: Int) -> String { list.descriptions[index].name }

    public func type(_ index: Int) -> TypeOID { list.descriptions[index].type }

    /// True where the field is null.
    public func isNull(_ column: some ColumnReference) throws -> Bool {
        ranges[try column.index(in: self)] == nil
    }

    public func field(_ index: Int) -> Field {
        guard let range = ranges[index] else { return .null(type(index)) }
        return Field(UnsafeRawBufferPointer(rebasing: storage.bytes[range]), type: type(index))
    }
}

/// One row of a stream, read where libpq keeps it.
///
/// It cannot be copied or kept: it is valid inside the body that gets it, and what must outlive the body is read out
/// of it. Reading it by index is quick; by name each reading searches the columns.
public struct RowView: ReadableRow, ~Copyable {
    /// Owned by the stream, with the row as its only one.
    private let result: OpaquePointer
    /// Owned by the stream, the same for all of its rows.
    private let types: UnsafeBufferPointer<TypeOID>

    init(result: OpaquePointer, types: UnsafeBufferPointer<TypeOID>) {
        self.result = result
        self.types = types
    }

    public var columnCount: Int { types.count }

    public func name(_ index: Int) -> String {
        PQfname(result, checked(index)).map { String(cString: $0) } ?? ""
    }

    public func type(_ index: Int) -> TypeOID {
        types[Int(checked(index))]
    }

    /// True where the field is null.
    public func isNull(_ index: Int) -> Bool {
        PQgetisnull(result, 0, checked(index)) != 0
    }

    /// The field's binary form as the server sent it, empty for null; valid as long as the row is.
    public func bytes(_ index: Int) -> UnsafeRawBufferPointer {
        let column = checked(index)
        return UnsafeRawBufferPointer(
            start: PQgetvalue(result, 0, column),
            count: Int(PQgetlength(result, 0, column))
        )
    }

    public func field(_ index: Int) -> Field {
        let column = checked(index)
        let type = types[index]
        let length = Int(PQgetlength(result, 0, column))
        // Only what has no bytes can be null.
        if length == 0, PQgetisnull(result, 0, column) != 0 { return .null(type) }
        return Field(UnsafeRawBufferPointer(start: PQgetvalue(result, 0, column), count: length), type: type)
    }

    /// An `int2`, `int4`, `int8` or `oid`.
    public func int(_ index: Int) throws -> Int64 {
        if let whole = wholeInt(index) { return whole }
        // Whatever is not as it mostly is gets its error there, or its value after all.
        return try decode(index)
    }

    /// An `int2`, `int4`, `int8` or `oid`; nil for null.
    public func optionalInt(_ index: Int) throws -> Int64? {
        if let whole = wholeInt(index) { return whole }
        return try decodeIfPresent(index)
    }

    /// A `timestamptz`, to the microsecond.
    public func instant(_ index: Int) throws -> Instant {
        if let instant = finiteInstant(index) { return instant }
        return try decode(index)
    }

    /// A `timestamptz`, to the microsecond; nil for null.
    public func optionalInstant(_ index: Int) throws -> Instant? {
        if let instant = finiteInstant(index) { return instant }
        return try decodeIfPresent(index)
    }

    /// An integer of the two most frequent types; nil for anything else.
    @inline(__always)
    private func wholeInt(_ index: Int) -> Int64? {
        guard index >= 0, index < types.count else { return nil }
        let column = Int32(truncatingIfNeeded: index)
        switch types[index] {
        case .int8: return loaded(column, Int64.self)
        case .int4: return loaded(column, Int32.self).map(Int64.init)
        default: return nil
        }
    }

    /// A finite instant; nil for anything else.
    @inline(__always)
    private func finiteInstant(_ index: Int) -> Instant? {
        guard index >= 0, index < types.count, types[index] == .timestamptz,
            let sent = loaded(Int32(truncatingIfNeeded: index), Int64.self), sent != .max, sent != .min
        else { return nil }
        let (microseconds, overflow) = sent.addingReportingOverflow(PostgresEpoch.microseconds)
        return overflow || microseconds == .max ? nil : Instant(microseconds: microseconds)
    }

    /// The integer that a field holds; nil where it is null or of another size.
    @inline(__always)
    private func loaded<Number: FixedWidthInteger>(_ column: Int32, _ number: Number.Type) -> Number? {
        guard PQgetlength(result, 0, column) == Int32(MemoryLayout<Number>.size) else { return nil }
        guard let value = PQgetvalue(result, 0, column) else { return nil }
        return Number(bigEndian: UnsafeRawPointer(value).loadUnaligned(as: number))
    }

    /// The field as PostgreSQL prints it, whatever its type; nil for null.
    ///
    /// Precondition: the rows were asked for as ``RowFormat/text``.
    public func printed(_ index: Int) throws -> String? {
        precondition(PQfformat(result, checked(index)) == 0, "only rows that were asked for as text are printed")
        return try read(index, asked: "text") { (field: Field) throws(FieldFault) in
            guard !field.isNull else { return nil }
            guard let text = String(validating: field.bytes, as: UTF8.self) else { throw .malformed }
            return text
        }
    }

    @inline(__always)
    private func checked(_ index: Int) -> Int32 {
        precondition(index >= 0 && index < columnCount, "a row is read beyond its columns")
        return Int32(truncatingIfNeeded: index)
    }
}

/// The bytes of a row's fields, one after another, at one address for as long as a row holds them.
///
/// `@unchecked Sendable`: nobody writes to the bytes once they were filled, by the initializer.
private final class RowStorage: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer

    init(byteCount: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 1)
        fill(bytes)
        self.bytes = UnsafeRawBufferPointer(bytes)
    }

    deinit {
        bytes.deallocate()
    }
}

/// A result column: its name and its type.
public struct ColumnDescription: Sendable, Hashable {
    /// The name as the statement gave it; two columns may share one.
    public let name: String
    /// The type of its values; a domain shows as the type beneath it.
    public let type: TypeOID
}

/// The columns of one result, shared by all its rows.
final class ColumnList: Sendable {
    let descriptions: [ColumnDescription]

    init(_ descriptions: [ColumnDescription]) {
        self.descriptions = descriptions
    }
}
