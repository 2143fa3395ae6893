/// Reads UTF-8 scalar by scalar, without making a string.
enum UTF8Scalar {
    /// The scalar at a position and the bytes it takes; U+FFFD and 1 where the bytes are not UTF-8.
    ///
    /// Precondition: the position lies within the source.
    static func decode(_ source: UnsafeBufferPointer<UInt8>, at position: Int) -> (scalar: Unicode.Scalar, width: Int) {
        let first = source[position]
        let (width, leadBits, least): (Int, UInt32, UInt32)
        switch first {
        case 0..<0x80: return (Unicode.Scalar(first), 1)
        case 0xC2..<0xE0: (width, leadBits, least) = (2, UInt32(first & 0x1F), 0x80)
        case 0xE0..<0xF0: (width, leadBits, least) = (3, UInt32(first & 0x0F), 0x800)
        case 0xF0..<0xF5: (width, leadBits, least) = (4, UInt32(first & 0x07), 0x1_0000)
        default: return ("\u{FFFD}", 1)
        }
        guard position + width <= source.count else { return ("\u{FFFD}", 1) }
        var value = leadBits
        for byte in source[(position + 1)..<(position + width)] {
            guard byte & 0xC0 == 0x80 else { return ("\u{FFFD}", 1) }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        guard value >= least, let scalar = Unicode.Scalar(value) else { return ("\u{FFFD}", 1) }
        return (scalar, width)
    }
}
