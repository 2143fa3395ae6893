internal import CLibPQ

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
