internal import Domain

/// A Swift type that a field decodes to.
protocol CellDecodable {
    /// What an error calls it.
    static var askedName: String { get }

    /// Decodes a field that is not null.
    static func decode(_ cell: Cell) throws(CellFault) -> Self
}

extension Int64: CellDecodable {
    static var askedName: String { "an integer" }

    static func decode(_ cell: Cell) throws(CellFault) -> Int64 {
        switch cell.type {
        case .int8: try cell.whole(Int64.self)
        case .int4: Int64(try cell.whole(Int32.self))
        case .int2: Int64(try cell.whole(Int16.self))
        case .oid: Int64(try cell.whole(UInt32.self))
        default: throw .wrongType
        }
    }
}

extension Bool: CellDecodable {
    static var askedName: String { "a boolean" }

    static func decode(_ cell: Cell) throws(CellFault) -> Bool {
        guard cell.type == .bool else { throw .wrongType }
        return try cell.whole(UInt8.self) != 0
    }
}

extension Double: CellDecodable {
    static var askedName: String { "a floating-point number" }

    static func decode(_ cell: Cell) throws(CellFault) -> Double {
        switch cell.type {
        case .float8: Double(bitPattern: try cell.whole(UInt64.self))
        case .float4: Double(Float(bitPattern: try cell.whole(UInt32.self)))
        default: throw .wrongType
        }
    }
}

extension String: CellDecodable {
    static var askedName: String { "text" }

    static func decode(_ cell: Cell) throws(CellFault) -> String {
        let bytes = try cell.textBytes()
        // Most texts are ASCII, which needs no validation.
        if bytes.allSatisfy({ $0 < 0x80 }) { return String(decoding: bytes, as: UTF8.self) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .malformed }
        return text
    }
}

extension Numeric: CellDecodable {
    static var askedName: String { "a numeric" }

    static func decode(_ cell: Cell) throws(CellFault) -> Numeric {
        guard cell.type == .numeric else { throw .wrongType }
        return try Numeric(binary: cell.bytes)
    }
}

extension Array: CellDecodable where Element: CellDecodable {
    static var askedName: String { "an array, each element " + Element.askedName }

    static func decode(_ cell: Cell) throws(CellFault) -> [Element] {
        let array = try BinaryArray(cell)
        guard array.dimensions.count <= 1 else { throw .outOfRange }
        var elements: [Element] = []
        elements.reserveCapacity(array.count)
        try array.forEachElement { (element: Cell) throws(CellFault) in
            guard !element.isNull else { throw .null }
            elements.append(try Element.decode(element))
        }
        return elements
    }
}
