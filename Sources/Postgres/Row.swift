internal import CLibPQ

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
    public let columnCount: Int

    init(result: OpaquePointer) {
        self.result = result
        columnCount = Int(PQnfields(result))
    }

    public func name(_ index: Int) -> String {
        PQfname(result, checked(index)).map { String(cString: $0) } ?? ""
    }

    public func type(_ index: Int) -> TypeOID {
        TypeOID(rawValue: PQftype(result, checked(index)))
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
        let type = TypeOID(rawValue: PQftype(result, column))
        let length = Int(PQgetlength(result, 0, column))
        // Only what has no bytes can be null.
        if length == 0, PQgetisnull(result, 0, column) != 0 { return .null(type) }
        return Field(UnsafeRawBufferPointer(start: PQgetvalue(result, 0, column), count: length), type: type)
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
