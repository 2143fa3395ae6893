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

/// Where PostgreSQL's clocks start: 2000-01-01T00:00:00Z.
enum PostgresEpoch {
    /// Days from 1970-01-01.
    static let days = 10_957
    /// Microseconds from 1970-01-01T00:00:00Z.
    static let microseconds: Int64 = 946_684_800_000_000
}

extension Instant: CellDecodable {
    static var askedName: String { "an instant" }

    static func decode(_ cell: Cell) throws(CellFault) -> Instant {
        guard cell.type == .timestamptz else { throw .wrongType }
        let sent = try cell.whole(Int64.self)
        guard sent != .max else { return .distantFuture }
        guard sent != .min else { return .distantPast }
        let (microseconds, overflow) = sent.addingReportingOverflow(PostgresEpoch.microseconds)
        guard !overflow, microseconds != .max else { throw .outOfRange }
        return Instant(microseconds: microseconds)
    }
}

extension CalendarDate: CellDecodable {
    static var askedName: String { "a date" }

    static func decode(_ cell: Cell) throws(CellFault) -> CalendarDate {
        guard cell.type == .date else { throw .wrongType }
        let sent = try cell.whole(Int32.self)
        // A calendar has no day that is infinity.
        guard sent != .max, sent != .min else { throw .outOfRange }
        return CalendarDate(daysSinceEpoch: Int(sent) + PostgresEpoch.days)
    }
}

/// A UUID in its one text form, 36 lowercase characters with hyphens.
struct UUIDText {
    let text: String
}

extension UUIDText: CellDecodable {
    static var askedName: String { "a uuid" }

    static func decode(_ cell: Cell) throws(CellFault) -> UUIDText {
        guard cell.type == .uuid else { throw .wrongType }
        guard cell.bytes.count == 16 else { throw .malformed }
        let text = String(unsafeUninitializedCapacity: 36) { buffer in
            write(cell.bytes, into: buffer)
            return 36
        }
        return UUIDText(text: text)
    }

    /// Writes 36 characters for 16 bytes.
    static func write(_ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableBufferPointer<UInt8>) {
        var position = 0
        for (index, byte) in bytes.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 {
                buffer[position] = UInt8(ascii: "-")
                position += 1
            }
            buffer[position] = hexDigit(byte >> 4)
            buffer[position + 1] = hexDigit(byte & 15)
            position += 2
        }
    }

    /// The 16 bytes of a UUID's text, upper or lower case; nil for anything
    /// but 32 hexadecimal digits in the usual five groups.
    static func bytes(of text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count == 36 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        var position = 0
        while position < 36 {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard characters[position] == UInt8(ascii: "-") else { return nil }
                position += 1
                continue
            }
            guard let high = hexValue(characters[position]), let low = hexValue(characters[position + 1])
            else { return nil }
            bytes.append(high << 4 | low)
            position += 2
        }
        return bytes
    }

    /// The lowercase character of a number from 0 to 15.
    static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    private static func hexValue(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// The text of a JSON document.
struct JSONText: CellDecodable {
    let text: String

    static var askedName: String { "JSON" }

    static func decode(_ cell: Cell) throws(CellFault) -> JSONText {
        guard cell.type == .json || cell.type == .jsonb else { throw .wrongType }
        return JSONText(text: try String.decode(cell))
    }
}
