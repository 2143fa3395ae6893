extension JSON {
    /// One text for each number, however it is written: `1`, `1.0`, `1e0` and `10e-1` are `1`, and `-0` is `0`.
    ///
    /// Nothing is rounded, whatever its size. A number that is written plainly and without idle zeros is its own text;
    /// one that would be longer than ``Limits/jsonNumberLength`` is digits with an exponent.
    ///
    /// - Parameter text: A number in JSON's notation.
    static func canonicalNumber(_ text: String) -> String {
        var rest = Substring(text)
        let sign = rest.first == "-" ? "-" : ""
        if !sign.isEmpty { rest.removeFirst() }
        let halves = rest.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
        let parts = halves[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        var digits = Array(parts.joined().utf8.drop { $0 == UInt8(ascii: "0") })
        // The last digit's place: so many decimals, less the zeros that say nothing.
        var shift = -(parts.count == 2 ? parts[1].utf8.count : 0)
        while digits.last == UInt8(ascii: "0") {
            digits.removeLast()
            shift += 1
        }
        guard !digits.isEmpty else { return "0" }
        let written = String(decoding: digits, as: UTF8.self)
        let exponent = DecimalExponent(halves.count == 2 ? halves[1] : "0").adding(shift)
        guard let place = exponent.small, let plain = plain(written, place) else {
            return sign + "\(written)e\(exponent)"
        }
        return sign + plain
    }

    /// Digits with their last one at 10^place, without an exponent; nil where that is too long.
    private static func plain(_ digits: String, _ place: Int) -> String? {
        let count = digits.utf8.count
        guard abs(place) <= Limits.jsonNumberLength else { return nil }
        let text: String
        if place >= 0 {
            text = digits + String(repeating: "0", count: place)
        } else if -place < count {
            text = digits.prefix(count + place) + "." + digits.suffix(-place)
        } else {
            text = "0." + String(repeating: "0", count: -place - count) + digits
        }
        return text.utf8.count <= Limits.jsonNumberLength ? text : nil
    }
}

/// A whole number of any size: an exponent may have as many digits as the number has characters.
private struct DecimalExponent: CustomStringConvertible {
    private let isNegative: Bool
    /// Without zeros in front; empty for zero.
    private let digits: [UInt8]

    /// - Parameter text: Digits, with a sign or without.
    init(_ text: Substring) {
        let unsigned = text.utf8.drop { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
        digits = unsigned.map { $0 - UInt8(ascii: "0") }.drop { $0 == 0 }.map(\.self)
        isNegative = text.first == "-" && !digits.isEmpty
    }

    private init(isNegative: Bool, digits: [UInt8]) {
        self.isNegative = isNegative
        self.digits = digits
    }

    /// The value, where it has at most 17 digits.
    var small: Int? {
        guard digits.count <= 17 else { return nil }
        let magnitude = digits.reduce(0) { $0 * 10 + Int($1) }
        return isNegative ? -magnitude : magnitude
    }

    /// The sum with a number of places, of which no document has more than ``Limits/jsonNumberLength``.
    func adding(_ places: Int) -> DecimalExponent {
        if let small { return DecimalExponent(Substring(String(small + places))) }
        // So large a number keeps its sign, and has room for what is taken off.
        var carry = isNegative ? -places : places
        var sum = digits
        for index in sum.indices.reversed() where carry != 0 {
            let value = Int(sum[index]) + carry
            let digit = ((value % 10) + 10) % 10
            sum[index] = UInt8(digit)
            carry = (value - digit) / 10
        }
        if carry > 0 { sum.insert(UInt8(carry), at: 0) }
        return DecimalExponent(isNegative: isNegative, digits: sum.drop { $0 == 0 }.map(\.self))
    }

    var description: String {
        digits.isEmpty ? "0" : (isNegative ? "-" : "") + digits.map { String($0) }.joined()
    }
}
