/// An exact decimal as PostgreSQL's `numeric` holds it, to be printed: the scale (the digits after the point, zeros
/// included) is kept, and nothing is rounded.
struct Numeric {
    private enum Sign: UInt16 {
        case plus = 0x0000
        case minus = 0x4000
        case notANumber = 0xC000
        case plusInfinity = 0xD000
        case minusInfinity = 0xF000
    }

    private let sign: Sign
    /// The power of 10,000 of the first digit.
    private let weight: Int
    /// How many decimal digits are shown after the point.
    private let scale: Int
    /// Digits of base 10,000.
    private let digits: [Int16]

    /// Decodes the wire format: counts of digits, weight, sign and scale as
    /// 16-bit numbers, then the digits (`numeric_send` in PostgreSQL's numeric.c).
    init(_ field: Field) throws(FieldFault) {
        let bytes = field.bytes
        guard bytes.count >= 8 else { throw .malformed }
        let count = Int(bytes.bigEndian(at: 0, as: UInt16.self))
        guard bytes.count == 8 + count * 2, let sign = Sign(rawValue: bytes.bigEndian(at: 4, as: UInt16.self)) else {
            throw .malformed
        }
        digits = (0..<count).map { bytes.bigEndian(at: 8 + $0 * 2, as: Int16.self) }
        guard digits.allSatisfy({ (0..<10_000).contains($0) }) else { throw .malformed }
        self.sign = sign
        weight = Int(bytes.bigEndian(at: 2, as: Int16.self))
        scale = Int(bytes.bigEndian(at: 6, as: UInt16.self))
    }

    /// Appends the value exactly as PostgreSQL prints it: `-12.50`, `NaN`, `Infinity`.
    func appendText(to bytes: inout [UInt8]) {
        switch sign {
        case .notANumber: bytes.append(contentsOf: "NaN".utf8)
        case .plusInfinity: bytes.append(contentsOf: "Infinity".utf8)
        case .minusInfinity: bytes.append(contentsOf: "-Infinity".utf8)
        case .minus:
            bytes.append(UInt8(ascii: "-"))
            appendMagnitude(to: &bytes)
        case .plus:
            appendMagnitude(to: &bytes)
        }
    }

    private func appendMagnitude(to bytes: inout [UInt8]) {
        if weight < 0 || digits.isEmpty {
            bytes.append(UInt8(ascii: "0"))
        } else {
            bytes.append(contentsOf: String(digits[0]).utf8)
            for power in stride(from: weight - 1, through: 0, by: -1) {
                Self.appendFour(digit(ofPower: power), to: &bytes)
            }
        }
        guard scale > 0 else { return }
        bytes.append(UInt8(ascii: "."))
        let end = bytes.count + scale
        var power = -1
        while bytes.count < end {
            Self.appendFour(digit(ofPower: power), to: &bytes)
            power -= 1
        }
        bytes.removeLast(bytes.count - end)
    }

    /// The digit of that power of 10,000, 0 where none is stored.
    private func digit(ofPower power: Int) -> Int16 {
        let index = weight - power
        return digits.indices.contains(index) ? digits[index] : 0
    }

    private static func appendFour(_ digit: Int16, to bytes: inout [UInt8]) {
        for divisor: Int16 in [1000, 100, 10, 1] {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit / divisor % 10))
        }
    }
}
