internal import CLibPQ
internal import Domain

/// The parameters of one statement in the shape libpq takes them.
struct BoundParameters {
    private var types: [Oid] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []
    /// Where each value starts in `storage`, nil for NULL.
    private var starts: [Int?] = []
    private var storage: [UInt8] = []

    /// Encodes the values.
    ///
    /// Throws ``PostgresError`` with code ``PostgresError/Code/encoding``.
    init(_ values: [Value]) throws {
        for value in values {
            types.append(value.type.rawValue)
            if case .null = value {
                starts.append(nil)
                lengths.append(0)
                formats.append(1)
                continue
            }
            let start = storage.count
            try value.appendBinary(to: &storage)
            starts.append(start)
            lengths.append(Int32(storage.count - start))
            if case .unknown(let text) = value {
                // Text ends at its first zero byte, so that one inside would cut it short unseen.
                guard !text.utf8.contains(0) else {
                    throw PostgresError(.encoding, "A text parameter has a zero byte in it.")
                }
                formats.append(0)
            } else {
                formats.append(1)
            }
            storage.append(0)
        }
    }

    /// The arrays that `PQexecParams` and `PQsendQueryParams` take.
    struct Pointers {
        let count: Int32
        let types: UnsafePointer<Oid>?
        let values: UnsafePointer<UnsafePointer<CChar>?>?
        let lengths: UnsafePointer<Int32>?
        let formats: UnsafePointer<Int32>?
    }

    /// Lends pointers that are valid inside the body.
    func withPointers<Result>(_ body: (Pointers) throws -> Result) rethrows -> Result {
        try storage.withUnsafeBytes { bytes in
            let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values = starts.map { start in start.flatMap { base?.advanced(by: $0) } }
            return try values.withUnsafeBufferPointer { values in
                try types.withUnsafeBufferPointer { types in
                    try lengths.withUnsafeBufferPointer { lengths in
                        try formats.withUnsafeBufferPointer { formats in
                            let pointers = Pointers(
                                count: Int32(types.count),
                                types: types.baseAddress,
                                values: values.baseAddress,
                                lengths: lengths.baseAddress,
                                formats: formats.baseAddress
                            )
                            return try body(pointers)
                        }
                    }
                }
            }
        }
    }
}

extension Value {
    /// The type a parameter is declared with.
    var type: TypeOID {
        switch self {
        case .null, .unknown: .unspecified
        case .bool: .bool
        case .int: .int8
        case .text: .text
        case .uuid: .uuid
        case .instant: .timestamptz
        case .date: .date
        case .json: .jsonb
        case .bytes: .bytea
        case .ints, .texts, .uuids, .instants, .bools, .array:
            elementType.flatMap { KnownType.byOID[$0]?.array } ?? .unspecified
        }
    }

    /// The type of an array's elements, nil for anything else.
    private var elementType: TypeOID? {
        switch self {
        case .ints: .int8
        case .texts: .text
        case .uuids: .uuid
        case .instants: .timestamptz
        case .bools: .bool
        case .array(_, let type): type
        default: nil
        }
    }

    /// Appends the value's binary form, which for an array is a header and its elements.
    ///
    /// Throws ``PostgresError`` with code ``PostgresError/Code/encoding`` where the value has none.
    func appendBinary(to bytes: inout [UInt8]) throws {
        switch self {
        case .null: break
        case .bool(let flag): bytes.append(flag ? 1 : 0)
        case .int(let number): bytes.appendBigEndian(number)
        case .text(let text), .unknown(let text): bytes.append(contentsOf: text.utf8)
        case .uuid(let text):
            guard let uuid = UUIDText.bytes(of: text) else {
                throw PostgresError(.encoding, "A parameter that should be a uuid is not one.")
            }
            bytes.append(contentsOf: uuid)
        case .instant(let instant): bytes.appendBigEndian(instant.postgresMicroseconds)
        case .date(let date):
            guard let days = Int32(exactly: date.daysSinceEpoch - PostgresEpoch.days) else {
                throw PostgresError(.encoding, "A date lies outside of what PostgreSQL stores.")
            }
            bytes.appendBigEndian(days)
        case .json(let text):
            bytes.append(1)
            bytes.append(contentsOf: text.utf8)
        case .bytes(let raw): bytes.append(contentsOf: raw)
        case .ints(let elements): try Self.append(elements, of: .int8, to: &bytes, Value.int)
        case .texts(let elements): try Self.append(elements, of: .text, to: &bytes, Value.text)
        case .uuids(let elements): try Self.append(elements, of: .uuid, to: &bytes, Value.uuid)
        case .instants(let elements): try Self.append(elements, of: .timestamptz, to: &bytes, Value.instant)
        case .bools(let elements): try Self.append(elements, of: .bool, to: &bytes, Value.bool)
        case .array(let elements, let type): try Self.append(elements, of: type, to: &bytes) { $0 }
        }
    }

    private static func append<Element>(
        _ elements: [Element],
        of type: TypeOID,
        to bytes: inout [UInt8],
        _ value: (Element) -> Value
    ) throws {
        bytes.appendBigEndian(Int32(elements.isEmpty ? 0 : 1))
        bytes.appendBigEndian(Int32(1))
        bytes.appendBigEndian(type.rawValue)
        guard !elements.isEmpty else { return }
        bytes.appendBigEndian(Int32(elements.count))
        bytes.appendBigEndian(Int32(1))
        for element in elements {
            let value = value(element)
            if case .null = value {
                bytes.appendBigEndian(Int32(-1))
                continue
            }
            guard value.type == type else {
                throw PostgresError(.encoding, "An array of \(type) holds an element of \(value.type).")
            }
            let start = bytes.count
            bytes.appendBigEndian(Int32(0))
            try value.appendBinary(to: &bytes)
            let length = Int32(bytes.count - start - 4)
            Swift.withUnsafeBytes(of: length.bigEndian) { bytes.replaceSubrange(start..<start + 4, with: $0) }
        }
    }
}

extension Instant {
    /// Microseconds since 2000.
    ///
    /// An instant before PostgreSQL's first becomes
    /// one that the server refuses, never another valid one.
    fileprivate var postgresMicroseconds: Int64 {
        guard isFinite else { return microseconds }
        let (shifted, overflow) = microseconds.subtractingReportingOverflow(PostgresEpoch.microseconds)
        return overflow ? .min + 1 : shifted
    }
}
