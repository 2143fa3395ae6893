/// One field as the server sent it in binary: what both kinds of row decode from.
///
/// It borrows the bytes: it is made, read and forgotten within one accessor.
struct Cell {
    /// The value's bytes, empty for null.
    let bytes: UnsafeRawBufferPointer
    let type: TypeOID
    let isNull: Bool

    init(_ bytes: UnsafeRawBufferPointer, type: TypeOID) {
        self.bytes = bytes
        self.type = type
        isNull = false
    }

    private init(nullOf type: TypeOID) {
        bytes = UnsafeRawBufferPointer(start: nil, count: 0)
        self.type = type
        isNull = true
    }

    static func null(_ type: TypeOID) -> Cell {
        Cell(nullOf: type)
    }

    /// The fixed-width integer that is the whole value.
    @inline(__always)
    func whole<Number: FixedWidthInteger>(_ number: Number.Type) throws(CellFault) -> Number {
        guard bytes.count == MemoryLayout<Number>.size else { throw .malformed }
        return Number(bigEndian: bytes.loadUnaligned(as: number))
    }

    /// The bytes of a type whose binary form is its text, and of `jsonb`,
    /// whose text follows one byte of version.
    func textBytes() throws(CellFault) -> UnsafeRawBufferPointer {
        switch type {
        case .text, .varchar, .bpchar, .name, .char, .unknown, .json, .xml, .void:
            return bytes
        case .jsonb:
            guard bytes.first == 1 else { throw .malformed }
            return UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        default:
            // An enum, or an extension's text such as citext; other own types show by a zero byte.
            guard type.isOwn, bytes.first != 0 else { throw .wrongType }
            return bytes
        }
    }
}
