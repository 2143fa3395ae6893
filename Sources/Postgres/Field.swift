/// One field as the server sent it in binary: what both kinds of row decode from.
///
/// It borrows the bytes: it is made, read and forgotten within one accessor of ``ReadableRow``.
public struct Field {
    /// The value's bytes, empty for null.
    let bytes: UnsafeRawBufferPointer
    let type: TypeOID
    @usableFromInline let isNull: Bool

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

    static func null(_ type: TypeOID) -> Field {
        Field(nullOf: type)
    }

    /// The fixed-width integer that is the whole value.
    @inline(__always)
    func whole<Number: FixedWidthInteger>(_ number: Number.Type) throws(FieldFault) -> Number {
        guard bytes.count == MemoryLayout<Number>.size else { throw .malformed }
        return Number(bigEndian: bytes.loadUnaligned(as: number))
    }

    /// The bytes of a type whose binary form is its text, and of `jsonb`,
    /// whose text follows one byte of version.
    func textBytes() throws(FieldFault) -> UnsafeRawBufferPointer {
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

/// Why a field could not be read; the row that knows the column makes a
/// ``PostgresError`` of it.
@usableFromInline
enum FieldFault: Error {
    /// The field is null and the caller did not allow for it.
    case null
    /// The type is not one that reads as what was asked.
    case wrongType
    /// The bytes are not what the type promises.
    case malformed
    /// The value exists in PostgreSQL and has no place in the type that was asked.
    case outOfRange
}

extension PostgresError {
    /// A field that could not be read as what was asked.
    init(_ fault: FieldFault, column: ColumnDescription, asked: String) {
        let sentence =
            switch fault {
            case .null:
                "Column \"\(column.name)\" (\(column.type)) is null where \(asked) is needed."
            case .wrongType:
                "Column \"\(column.name)\" is of type \(column.type), which does not read as \(asked)."
            case .malformed:
                "Column \"\(column.name)\" (\(column.type)) holds bytes that are not \(asked)."
            case .outOfRange:
                "Column \"\(column.name)\" (\(column.type)) holds a value that does not fit \(asked)."
            }
        self.init(.decoding, sentence, column: column.name)
    }
}

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
    init(_ field: Field) throws(FieldFault) {
        guard KnownType.byArrayOID[field.type] != nil || field.type.isOwn else { throw .wrongType }
        let bytes = field.bytes
        guard bytes.count >= Self.headerBytes else { throw field.type.isOwn ? .wrongType : .malformed }
        let dimensionCount = Int(bytes.bigEndian(at: 0, as: Int32.self))
        guard (0...Self.dimensionsMax).contains(dimensionCount),
            (0...1).contains(bytes.bigEndian(at: 4, as: Int32.self)),
            bytes.count >= Self.headerBytes + dimensionCount * 8
        else { throw field.type.isOwn ? .wrongType : .malformed }
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
    func forEachElement(_ body: (Field) throws(FieldFault) -> Void) throws(FieldFault) {
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
            try body(Field(UnsafeRawBufferPointer(rebasing: elements[offset..<offset + length]), type: elementType))
            offset += length
        }
        guard offset == elements.count else { throw .malformed }
    }
}

extension UnsafeRawBufferPointer {
    /// The integer that starts at this byte, in network order.
    ///
    /// Precondition: the integer lies inside the buffer.
    func bigEndian<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type) -> Number {
        precondition(offset >= 0 && offset + MemoryLayout<Number>.size <= count, "reading beyond a value")
        return Number(bigEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }
}

extension [UInt8] {
    /// Appends an integer in network order.
    mutating func appendBigEndian(_ number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }
}
