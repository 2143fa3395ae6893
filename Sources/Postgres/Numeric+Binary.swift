extension Numeric {
    /// Decodes the wire format: counts of digits, weight, sign and scale as
    /// 16-bit numbers, then the digits (`numeric_send` in PostgreSQL's numeric.c).
    init(binary bytes: UnsafeRawBufferPointer) throws(CellFault) {
        guard bytes.count >= 8 else { throw .malformed }
        let count = Int(bytes.bigEndian(at: 0, as: UInt16.self))
        guard bytes.count == 8 + count * 2,
            let sign = Sign(rawValue: bytes.bigEndian(at: 4, as: UInt16.self))
        else { throw .malformed }
        switch sign {
        case .notANumber: self = .notANumber
        case .plusInfinity: self = .infinity
        case .minusInfinity: self = .negativeInfinity
        case .plus, .minus:
            let digits = (0..<count).map { bytes.bigEndian(at: 8 + $0 * 2, as: Int16.self) }
            guard digits.allSatisfy({ (0..<10_000).contains($0) }) else { throw .malformed }
            self.init(
                sign: sign,
                weight: Int(bytes.bigEndian(at: 2, as: Int16.self)),
                scale: Int(bytes.bigEndian(at: 6, as: UInt16.self)),
                digits: digits
            )
        }
    }

    /// Appends the wire format.
    func appendBinary(to bytes: inout [UInt8]) {
        bytes.appendBigEndian(UInt16(digits.count))
        bytes.appendBigEndian(Int16(weight))
        bytes.appendBigEndian(sign.rawValue)
        bytes.appendBigEndian(UInt16(scale))
        for digit in digits { bytes.appendBigEndian(digit) }
    }
}
