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

extension Numeric {
    /// A value from its text, in the forms PostgreSQL reads.
    ///
    /// Those are `-12.50`, `1e-7`, `NaN`, `Infinity`, `-inf`. Nil for anything
    /// else, spaces included, and for more digits than PostgreSQL takes.
    public init?(_ text: String) {
        var rest = text.utf8[...]
        var isNegative = false
        if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            isNegative = first == UInt8(ascii: "-")
            rest = rest.dropFirst()
        }
        switch Substring(rest).lowercased() {
        case "nan" where rest.startIndex == text.utf8.startIndex:
            self = .notANumber
            return
        case "infinity", "inf":
            self = isNegative ? .negativeInfinity : .infinity
            return
        default:
            break
        }
        var decimals = Self.takeDigits(&rest)
        var pointPosition = decimals.count
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            decimals += Self.takeDigits(&rest)
        }
        guard !decimals.isEmpty else { return nil }
        var scale = decimals.count - pointPosition
        if let mark = rest.first, mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") {
            let exponentText = Substring(rest.dropFirst())
            guard let exponent = Int(exponentText), abs(exponent) <= Self.integerDigitsMax else { return nil }
            pointPosition += exponent
            scale = max(0, scale - exponent)
            rest = rest[rest.endIndex...]
        }
        guard rest.isEmpty, scale <= Self.scaleMax else { return nil }
        let leadingZeros = decimals.prefix { $0 == 0 }.count
        guard pointPosition - leadingZeros <= Self.integerDigitsMax else { return nil }
        self.init(
            sign: isNegative ? .minus : .plus,
            decimals: decimals,
            pointPosition: pointPosition,
            scale: scale
        )
    }

    /// A value from decimal digits (0 to 9), the point standing before the one
    /// at `pointPosition`, which may lie outside of them.
    init(sign: Sign, decimals: [UInt8], pointPosition: Int, scale: Int) {
        // Groups of four count from the point; the first group begins at or before the first digit.
        let groupsBefore = Int((Double(pointPosition) / 4).rounded(.up))
        let padding = groupsBefore * 4 - pointPosition
        var digits: [Int16] = []
        digits.reserveCapacity((decimals.count + padding) / 4 + 1)
        var group: Int16 = 0
        var filled = padding
        for decimal in decimals {
            group = group * 10 + Int16(decimal)
            filled += 1
            if filled == 4 {
                digits.append(group)
                (group, filled) = (0, 0)
            }
        }
        while filled > 0 && filled < 4 {
            group *= 10
            filled += 1
        }
        if filled == 4 { digits.append(group) }
        self.init(sign: sign, weight: groupsBefore - 1, scale: scale, digits: digits)
    }

    private static func takeDigits(_ rest: inout Substring.UTF8View) -> [UInt8] {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        rest = rest[digits.endIndex...]
        return digits.map { $0 - UInt8(ascii: "0") }
    }
}
