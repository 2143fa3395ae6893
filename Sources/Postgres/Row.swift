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
