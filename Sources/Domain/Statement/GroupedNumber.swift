/// Whole numbers for people: groups of three, and a minus that is one.
public enum GroupedNumber {
    /// `-1234567` is `−1,234,567`.
    public static func text(_ number: Int64) -> String {
        var bytes: [UInt8] = []
        append(number, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends ``text(_:)`` to a byte buffer without making a string.
    public static func append(_ number: Int64, to bytes: inout [UInt8]) {
        if number < 0 { bytes.append(contentsOf: "−".utf8) }
        let start = bytes.count
        var rest = number.magnitude
        var digits = 0
        repeat {
            if digits > 0, digits.isMultiple(of: 3) { bytes.append(UInt8(ascii: ",")) }
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
            digits += 1
        } while rest > 0
        bytes[start...].reverse()
    }

    /// An amount with its dollar sign: `$1,234.50`.
    public static func text(_ amount: Dollars) -> String {
        let exact = Dollars(micros: Int64(amount.micros.magnitude)).description
        let point = exact.firstIndex(of: ".") ?? exact.endIndex
        let sign = amount.micros < 0 ? "−" : ""
        return sign + "$" + text(Int64(exact[..<point]) ?? 0) + exact[point...]
    }
}
