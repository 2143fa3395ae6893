/// An array as it comes over the wire (`array_send` in PostgreSQL's
/// arrayfuncs.c): dimensions, flags, the element type, a length and a lower
/// bound for each dimension, then the elements, each behind its length.
struct BinaryArray {
    /// The length of each dimension, outermost first; none for an empty array.
    let dimensions: [Int]
    let elementType: TypeOID
    /// How many elements there are in all.
    let count: Int
    private let elements: UnsafeRawBufferPointer

    private static let dimensionsMax = 6
    private static let headerBytes = 12

    /// Reads the header of a field that is an array.
    init(_ cell: Cell) throws(CellFault) {
        guard KnownType.byArrayOID[cell.type] != nil || cell.type.isOwn else { throw .wrongType }
        let bytes = cell.bytes
        guard bytes.count >= Self.headerBytes else { throw cell.type.isOwn ? .wrongType : .malformed }
        let dimensionCount = Int(bytes.bigEndian(at: 0, as: Int32.self))
        guard (0...Self.dimensionsMax).contains(dimensionCount),
            (0...1).contains(bytes.bigEndian(at: 4, as: Int32.self)),
            bytes.count >= Self.headerBytes + dimensionCount * 8
        else { throw cell.type.isOwn ? .wrongType : .malformed }
        var dimensions: [Int] = []
        var count = dimensionCount == 0 ? 0 : 1
        for index in 0..<dimensionCount {
            let length = Int(bytes.bigEndian(at: Self.headerBytes + index * 8, as: Int32.self))
            // Each element has at least four bytes, so that more than that cannot be true.
            guard length >= 0, length <= bytes.count, count * length <= bytes.count else { throw .malformed }
            dimensions.append(length)
            count *= length
        }
        self.dimensions = dimensions
        self.count = count
        elementType = TypeOID(rawValue: bytes.bigEndian(at: 8, as: UInt32.self))
        elements = UnsafeRawBufferPointer(rebasing: bytes[(Self.headerBytes + dimensionCount * 8)...])
    }

    /// Hands over the elements in order, nulls included.
    func forEachElement(_ body: (Cell) throws(CellFault) -> Void) throws(CellFault) {
        var offset = 0
        for _ in 0..<count {
            guard offset + 4 <= elements.count else { throw .malformed }
            let length = Int(elements.bigEndian(at: offset, as: Int32.self))
            offset += 4
            guard length >= 0 else {
                try body(.null(elementType))
                continue
            }
            guard offset + length <= elements.count else { throw .malformed }
            try body(Cell(UnsafeRawBufferPointer(rebasing: elements[offset..<offset + length]), type: elementType))
            offset += length
        }
        guard offset == elements.count else { throw .malformed }
    }
}
