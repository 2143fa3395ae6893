/// PostgreSQL's text format of COPY.
enum CopyText {
    /// One row: values separated by tabs, nil as `\N`.
    static func line(_ values: [String?]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.append(0x09) }
            guard let value else {
                bytes.append(contentsOf: "\\N".utf8)
                continue
            }
            for byte in value.utf8 {
                switch byte {
                case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
                case 0x09: bytes.append(contentsOf: "\\t".utf8)
                case 0x0A: bytes.append(contentsOf: "\\n".utf8)
                case 0x0D: bytes.append(contentsOf: "\\r".utf8)
                default: bytes.append(byte)
                }
            }
        }
        bytes.append(0x0A)
        return bytes
    }
}
