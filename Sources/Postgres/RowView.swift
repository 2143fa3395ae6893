internal import CLibPQ

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
