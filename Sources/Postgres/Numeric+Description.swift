extension Numeric: CustomStringConvertible {
    /// The value exactly as PostgreSQL prints it: `-12.50`, `NaN`, `Infinity`.
    public var description: String {
        var bytes: [UInt8] = []
        appendUTF8(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends ``description`` to a byte buffer without making a string.
    public func appendUTF8(to bytes: inout [UInt8]) {
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
