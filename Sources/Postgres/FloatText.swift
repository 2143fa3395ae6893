/// Shortest exact text of floating-point numbers, as PostgreSQL lays it out.
enum FloatText {
    /// Rewrites Swift's description, whose digits are the same shortest ones,
    /// into PostgreSQL's layout: no `.0`, an exponent of two digits or more
    /// below 10^-4 and from 10^`exponentFrom`.
    static func postgres(_ description: String, exponentFrom: Int) -> String {
        switch description {
        case "nan", "-nan": return "NaN"
        case "inf": return "Infinity"
        case "-inf": return "-Infinity"
        default: break
        }
        let isNegative = description.hasPrefix("-")
        let parts = description.drop { $0 == "-" }.split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let written = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        var digits = Array(mantissa.joined().utf8)
        // The value is 0.d1d2d3… times ten to this.
        var point = mantissa[0].utf8.count + written
        let leadingZeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
        digits.removeFirst(leadingZeros)
        point -= leadingZeros
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        let sign = isNegative ? "-" : ""
        guard !digits.isEmpty else { return sign + "0" }
        return sign + layout(digits, point: point, exponentFrom: exponentFrom)
    }

    private static func layout(_ digits: [UInt8], point: Int, exponentFrom: Int) -> String {
        let text = { (bytes: ArraySlice<UInt8>) in String(decoding: bytes, as: UTF8.self) }
        let exponent = point - 1
        if exponent < -4 || exponent >= exponentFrom {
            let fraction = digits.count > 1 ? "." + text(digits[1...]) : ""
            let magnitude = String(abs(exponent))
            let padded = magnitude.count < 2 ? "0" + magnitude : magnitude
            return text(digits[..<1]) + fraction + "e" + (exponent < 0 ? "-" : "+") + padded
        }
        if point <= 0 { return "0." + String(repeating: "0", count: -point) + text(digits[...]) }
        if point >= digits.count { return text(digits[...]) + String(repeating: "0", count: point - digits.count) }
        return text(digits[..<point]) + "." + text(digits[point...])
    }
}
