/// A UUID in its one text form, 36 lowercase characters with hyphens.
struct UUIDText {
    let text: String
}

extension UUIDText: CellDecodable {
    static var askedName: String { "a uuid" }

    static func decode(_ cell: Cell) throws(CellFault) -> UUIDText {
        guard cell.type == .uuid else { throw .wrongType }
        guard cell.bytes.count == 16 else { throw .malformed }
        let text = String(unsafeUninitializedCapacity: 36) { buffer in
            write(cell.bytes, into: buffer)
            return 36
        }
        return UUIDText(text: text)
    }

    /// Writes 36 characters for 16 bytes.
    static func write(_ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableBufferPointer<UInt8>) {
        var position = 0
        for (index, byte) in bytes.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 {
                buffer[position] = UInt8(ascii: "-")
                position += 1
            }
            buffer[position] = hexDigit(byte >> 4)
            buffer[position + 1] = hexDigit(byte & 15)
            position += 2
        }
    }

    /// The 16 bytes of a UUID's text, upper or lower case; nil for anything
    /// but 32 hexadecimal digits in the usual five groups.
    static func bytes(of text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count == 36 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        var position = 0
        while position < 36 {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard characters[position] == UInt8(ascii: "-") else { return nil }
                position += 1
                continue
            }
            guard let high = hexValue(characters[position]), let low = hexValue(characters[position + 1])
            else { return nil }
            bytes.append(high << 4 | low)
            position += 2
        }
        return bytes
    }

    /// The lowercase character of a number from 0 to 15.
    static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    private static func hexValue(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
