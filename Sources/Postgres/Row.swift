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

/// What points at a column of a ``Row``: its index from 0, or its name.
public protocol ColumnReference {
    /// The index in these columns.
    ///
    /// Throws ``PostgresError`` with code ``PostgresError/Code/decoding`` where there is no such column.
    func index(in columns: [ColumnDescription]) throws -> Int
}

extension Int: ColumnReference {
    /// The number itself, if there are as many columns.
    public func index(in columns: [ColumnDescription]) throws -> Int {
        guard columns.indices.contains(self) else {
            throw PostgresError(.decoding, "The result has \(columns.count) columns, none with index \(self).")
        }
        return self
    }
}

extension String: ColumnReference {
    /// The first column of this name.
    public func index(in columns: [ColumnDescription]) throws -> Int {
        guard let index = columns.firstIndex(where: { $0.name == self }) else {
            throw PostgresError(.decoding, "The result has no column \"\(self)\".", column: self)
        }
        return index
    }
}
