internal import Domain
import Formats

extension Field {
    /// The value's text, nil for null.
    func string() throws(FieldFault) -> String? {
        guard !isNull else { return nil }
        var text: [UInt8] = []
        try appendText(to: &text)
        guard let string = String(validating: text, as: UTF8.self) else { throw .malformed }
        return string
    }

    /// Appends the value as PostgreSQL's text output has it, an instant as its
    /// description; a null appends nothing.
    func appendText(to bytes: inout [UInt8]) throws(FieldFault) {
        guard !isNull else { return }
        switch type {
        case .int2, .int4, .int8, .oid:
            bytes.append(contentsOf: String(try Int64.decode(self)).utf8)
        case .bool:
            bytes.append(UInt8(ascii: try Bool.decode(self) ? "t" : "f"))
        case .timestamptz:
            try Instant.decode(self).appendUTF8(to: &bytes)
        case .date:
            try appendDate(to: &bytes)
        case .numeric:
            try Numeric(self).appendText(to: &bytes)
        case .uuid:
            bytes.append(contentsOf: try UUIDText.decode(self).text.utf8)
        case .float4:
            let value = Float(bitPattern: try whole(UInt32.self))
            bytes.append(contentsOf: FloatText.postgres(value.description, exponentFrom: 6).utf8)
        case .float8:
            let value = Double(bitPattern: try whole(UInt64.self))
            bytes.append(contentsOf: FloatText.postgres(value.description, exponentFrom: 15).utf8)
        case .bytea:
            bytes.append(contentsOf: (#"\x"# + Hexadecimal.text(Array(self.bytes))).utf8)
        default:
            if KnownType.byArrayOID[type] != nil || (type.isOwn && self.bytes.first == 0) {
                try appendArray(to: &bytes)
            } else {
                bytes.append(contentsOf: try textBytes())
            }
        }
    }

    private func appendDate(to bytes: inout [UInt8]) throws(FieldFault) {
        switch try whole(Int32.self) {
        case .max: bytes.append(contentsOf: "infinity".utf8)
        case .min: bytes.append(contentsOf: "-infinity".utf8)
        default: try CalendarDate.decode(self).appendUTF8(to: &bytes)
        }
    }

    /// Appends `{1,2,NULL}`, with braces within braces for more dimensions.
    private func appendArray(to bytes: inout [UInt8]) throws(FieldFault) {
        let array = try BinaryArray(self)
        guard !array.dimensions.isEmpty else {
            bytes.append(contentsOf: "{}".utf8)
            return
        }
        // How many elements lie between two opening braces of each depth.
        var spans: [Int] = []
        for length in array.dimensions.reversed() { spans.append((spans.last ?? 1) * length) }
        var index = 0
        try array.forEachElement { (element: Field) throws(FieldFault) in
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            for span in spans where index % span == 0 { bytes.append(UInt8(ascii: "{")) }
            try element.appendArrayElement(to: &bytes)
            index += 1
            for span in spans where index % span == 0 { bytes.append(UInt8(ascii: "}")) }
        }
    }

    private func appendArrayElement(to bytes: inout [UInt8]) throws(FieldFault) {
        guard !isNull else {
            bytes.append(contentsOf: "NULL".utf8)
            return
        }
        var text: [UInt8] = []
        try appendText(to: &text)
        let special = text.contains { #"{}",\ "#.utf8.contains($0) || (9...13).contains($0) }
        guard special || text.isEmpty || String(decoding: text, as: UTF8.self).uppercased() == "NULL" else {
            bytes.append(contentsOf: text)
            return
        }
        bytes.append(UInt8(ascii: "\""))
        for byte in text {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

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
