internal import CLibPQ

/// One row, copied out of a result: a value that can be kept and sent.
///
/// Accessors take a column's index from 0 or its name. They throw
/// ``PostgresError`` with code ``PostgresError/Code/decoding``, naming the
/// column, where there is no such column, the field is null (unless the
/// accessor is `optional…`) or of a type that does not read so.
public struct Row: Sendable {
    private let list: ColumnList
    /// All fields, one after another.
    private let storage: [UInt8]
    /// Where each field lies in `storage`, nil for null.
    private let ranges: [Range<Int>?]

    /// Copies a row of a result in binary.
    init(copying result: OpaquePointer, row: Int32, columns: ColumnList) {
        var storage: [UInt8] = []
        var ranges: [Range<Int>?] = []
        ranges.reserveCapacity(columns.descriptions.count)
        for column in 0..<Int32(columns.descriptions.count) {
            guard PQgetisnull(result, row, column) == 0 else {
                ranges.append(nil)
                continue
            }
            let start = storage.count
            storage.append(
                contentsOf: UnsafeRawBufferPointer(
                    start: PQgetvalue(result, row, column),
                    count: Int(PQgetlength(result, row, column))
                )
            )
            ranges.append(start..<storage.count)
        }
        list = columns
        self.storage = storage
        self.ranges = ranges
    }

    /// The columns in order.
    public var columns: [ColumnDescription] { list.descriptions }

    /// How many columns there are.
    public var columnCount: Int { ranges.count }

    /// True where the field is null.
    public func isNull(_ column: some ColumnReference) throws -> Bool {
        ranges[try column.index(in: list.descriptions)] == nil
    }

    func decode<Decoded: CellDecodable>(
        _ column: some ColumnReference,
        as decoded: Decoded.Type = Decoded.self
    ) throws -> Decoded {
        try read(column, asked: Decoded.askedName) { (cell: Cell) throws(CellFault) in
            guard !cell.isNull else { throw .null }
            return try Decoded.decode(cell)
        }
    }

    func decodeIfPresent<Decoded: CellDecodable>(
        _ column: some ColumnReference,
        as decoded: Decoded.Type = Decoded.self
    ) throws -> Decoded? {
        try read(column, asked: Decoded.askedName) { (cell: Cell) throws(CellFault) in
            cell.isNull ? nil : try Decoded.decode(cell)
        }
    }

    /// Decodes by a function on the cell, which may be null.
    func read<Decoded>(
        _ column: some ColumnReference,
        asked: String,
        _ decode: (Cell) throws(CellFault) -> Decoded
    ) throws -> Decoded {
        let index = try column.index(in: list.descriptions)
        let description = list.descriptions[index]
        do throws(CellFault) {
            guard let range = ranges[index] else { return try decode(.null(description.type)) }
            return try storage.withUnsafeBufferPointer { (bytes) throws(CellFault) in
                let field = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[range]))
                return try decode(Cell(field, type: description.type))
            }
        } catch {
            throw PostgresError(error, column: description, asked: asked)
        }
    }
}
