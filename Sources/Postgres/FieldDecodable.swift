public import Domain
import Formats

/// A Swift type that a field decodes to.
@usableFromInline
protocol FieldDecodable {
    /// What an error calls it.
    static var askedName: String { get }

    /// Decodes a field that is not null.
    static func decode(_ field: Field) throws(FieldFault) -> Self
}

extension Int64: FieldDecodable {
    @usableFromInline static var askedName: String { "an integer" }

    @usableFromInline
    static func decode(_ field: Field) throws(FieldFault) -> Int64 {
        switch field.type {
        case .int8: try field.whole(Int64.self)
        case .int4: Int64(try field.whole(Int32.self))
        case .int2: Int64(try field.whole(Int16.self))
        case .oid: Int64(try field.whole(UInt32.self))
        default: throw .wrongType
        }
    }
}

extension Bool: FieldDecodable {
    @usableFromInline static var askedName: String { "a boolean" }

    @usableFromInline
    static func decode(_ field: Field) throws(FieldFault) -> Bool {
        guard field.type == .bool else { throw .wrongType }
        return try field.whole(UInt8.self) != 0
    }
}

extension String: FieldDecodable {
    @usableFromInline static var askedName: String { "text" }

    @usableFromInline
    static func decode(_ field: Field) throws(FieldFault) -> String {
        let bytes = try field.textBytes()
        // Most texts are ASCII, which needs no validation.
        if bytes.allSatisfy({ $0 < 0x80 }) { return String(decoding: bytes, as: UTF8.self) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .malformed }
        return text
    }
}

extension Array: FieldDecodable where Element: FieldDecodable {
    @usableFromInline static var askedName: String { "an array, each element " + Element.askedName }

    @usableFromInline
    static func decode(_ field: Field) throws(FieldFault) -> [Element] {
        let array = try BinaryArray(field)
        guard array.dimensions.count <= 1 else { throw .outOfRange }
        var elements: [Element] = []
        elements.reserveCapacity(array.count)
        try array.forEachElement { (element: Field) throws(FieldFault) in
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

extension Instant: FieldDecodable {
    @usableFromInline static var askedName: String { "an instant" }

    @usableFromInline
    static func decode(_ field: Field) throws(FieldFault) -> Instant {
        guard field.type == .timestamptz else { throw .wrongType }
        let sent = try field.whole(Int64.self)
        guard sent != .max else { return .distantFuture }
        guard sent != .min else { return .distantPast }
        let (microseconds, overflow) = sent.addingReportingOverflow(PostgresEpoch.microseconds)
        guard !overflow, microseconds != .max else { throw .outOfRange }
        return Instant(microseconds: microseconds)
    }
}

/// A length of time without months, in microseconds; its days have 24 hours.
struct ElapsedTime: FieldDecodable {
    let microseconds: Int64

    static var askedName: String { "a length of time without months" }

    private static let microsecondsOfDay: Int64 = 86_400_000_000

    static func decode(_ field: Field) throws(FieldFault) -> ElapsedTime {
        guard field.type == .interval else { throw .wrongType }
        guard field.bytes.count == 16 else { throw .malformed }
        guard field.bytes.bigEndian(at: 12, as: Int32.self) == 0 else { throw .outOfRange }
        let days = Int64(field.bytes.bigEndian(at: 8, as: Int32.self))
        let (ofDays, overflow) = days.multipliedReportingOverflow(by: microsecondsOfDay)
        let (whole, overflowOfSum) = ofDays.addingReportingOverflow(field.bytes.bigEndian(at: 0, as: Int64.self))
        guard !overflow, !overflowOfSum else { throw .outOfRange }
        return ElapsedTime(microseconds: whole)
    }
}

extension CalendarDate: FieldDecodable {
    @usableFromInline static var askedName: String { "a date" }

    @usableFromInline
    static func decode(_ field: Field) throws(FieldFault) -> CalendarDate {
        guard field.type == .date else { throw .wrongType }
        let sent = try field.whole(Int32.self)
        // A calendar has no day that is infinity.
        guard sent != .max, sent != .min else { throw .outOfRange }
        return CalendarDate(daysSinceEpoch: Int(sent) + PostgresEpoch.days)
    }
}

/// A UUID in its one text form, 36 lowercase characters with hyphens.
@usableFromInline
struct UUIDText {
    @usableFromInline let text: String
}

extension UUIDText: FieldDecodable {
    @usableFromInline static var askedName: String { "a uuid" }

    @usableFromInline
    static func decode(_ field: Field) throws(FieldFault) -> UUIDText {
        guard field.type == .uuid else { throw .wrongType }
        guard field.bytes.count == 16 else { throw .malformed }
        let text = String(unsafeUninitializedCapacity: 36) { buffer in
            write(field.bytes, into: buffer)
            return 36
        }
        return UUIDText(text: text)
    }

    /// Writes 36 characters for 16 bytes.
    private static func write(_ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableBufferPointer<UInt8>) {
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
        let groups = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard groups.map(\.count) == [8, 4, 4, 4, 12] else { return nil }
        return Hexadecimal.bytes(groups.map { Substring($0) }.joined())
    }

    /// The lowercase character of a number from 0 to 15.
    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}

/// The text of a JSON document.
@usableFromInline
struct JSONText: FieldDecodable {
    let text: String

    @usableFromInline static var askedName: String { "JSON" }

    @usableFromInline
    static func decode(_ field: Field) throws(FieldFault) -> JSONText {
        guard field.type == .json || field.type == .jsonb else { throw .wrongType }
        return JSONText(text: try String.decode(field))
    }
}
