internal import CLibPQ

/// One row of a stream, read where libpq keeps it.
///
/// It cannot be copied or kept: it is valid inside the body that gets it. What
/// must outlive the body is read out of it, or all of it by ``copy()``.
///
/// Accessors take an index from 0. They throw ``PostgresError`` with code
/// ``PostgresError/Code/decoding``, naming the column, where the field is null
/// (unless the accessor is `optional…`) or of a type that does not read so.
public struct RowView: ~Copyable {
    /// Owned by the stream, with the row as its only one.
    private let result: OpaquePointer
    /// How many columns there are.
    public let columnCount: Int

    init(result: OpaquePointer) {
        self.result = result
        columnCount = Int(PQnfields(result))
    }

    /// The name of a column.
    public func name(_ index: Int) -> String {
        PQfname(result, checked(index)).map { String(cString: $0) } ?? ""
    }

    /// The type of a column.
    public func type(_ index: Int) -> TypeOID {
        TypeOID(rawValue: PQftype(result, checked(index)))
    }

    /// True where the field is null.
    public func isNull(_ index: Int) -> Bool {
        PQgetisnull(result, 0, checked(index)) != 0
    }

    /// True where the server sent the field as text.
    func isText(_ index: Int) -> Bool {
        PQfformat(result, checked(index)) == 0
    }

    /// The field's binary form as the server sent it, empty for null; valid as long as the row is.
    public func bytes(_ index: Int) -> UnsafeRawBufferPointer {
        let column = checked(index)
        return UnsafeRawBufferPointer(
            start: PQgetvalue(result, 0, column),
            count: Int(PQgetlength(result, 0, column))
        )
    }

    /// The whole row, copied, to be kept.
    public func copy() -> Row {
        let columns = (0..<columnCount).map { ColumnDescription(name: name($0), type: type($0)) }
        return Row(copying: result, row: 0, columns: ColumnList(columns))
    }

    @inline(__always)
    private func checked(_ index: Int) -> Int32 {
        precondition(index >= 0 && index < columnCount, "a row is read beyond its columns")
        return Int32(truncatingIfNeeded: index)
    }

    @inline(__always)
    private func cell(_ index: Int) -> Cell {
        isNull(index) ? .null(type(index)) : Cell(bytes(index), type: type(index))
    }

    @inline(__always)
    func decode<Decoded: CellDecodable>(_ index: Int, as decoded: Decoded.Type = Decoded.self) throws -> Decoded {
        let cell = cell(index)
        do throws(CellFault) {
            guard !cell.isNull else { throw .null }
            return try Decoded.decode(cell)
        } catch {
            throw failure(error, index, asked: Decoded.askedName)
        }
    }

    @inline(__always)
    func decodeIfPresent<Decoded: CellDecodable>(
        _ index: Int,
        as decoded: Decoded.Type = Decoded.self
    ) throws -> Decoded? {
        let cell = cell(index)
        guard !cell.isNull else { return nil }
        do throws(CellFault) {
            return try Decoded.decode(cell)
        } catch {
            throw failure(error, index, asked: Decoded.askedName)
        }
    }

    /// Decodes by a function on the cell, which may be null.
    func read<Decoded>(
        _ index: Int,
        asked: String,
        _ decode: (Cell) throws(CellFault) -> Decoded
    ) throws -> Decoded {
        do throws(CellFault) {
            return try decode(cell(index))
        } catch {
            throw failure(error, index, asked: asked)
        }
    }

    @inline(never)
    private func failure(_ fault: CellFault, _ index: Int, asked: String) -> PostgresError {
        PostgresError(fault, column: ColumnDescription(name: name(index), type: type(index)), asked: asked)
    }
}
