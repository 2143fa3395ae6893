/// The strings of a Swift source: what stands between quotation marks, on one line or many.
///
/// Strings that a `+` puts together are one text, an interpolation is `…`, and strings inside of an interpolation are
/// texts of their own.
struct SwiftLiterals {
    /// In the order in which they end.
    private(set) var texts: [String] = []
    private let bytes: [UInt8]
    private var index = 0

    static func of(_ swift: String) -> [String] {
        var literals = SwiftLiterals(bytes: Array(swift.utf8))
        literals.code(untilParenthesis: false)
        return literals.texts
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Reads code up to its end, or up to the parenthesis that closes an interpolation.
    private mutating func code(untilParenthesis: Bool) {
        var depth = 0
        // The text that a `+` would go on with.
        var open: String?
        defer { if let open { texts.append(open) } }
        while index < bytes.count {
            if starts("//") {
                index = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            } else if starts("/*") {
                index = (index..<bytes.count).first { starts("*/", $0) }.map { $0 + 2 } ?? bytes.count
            } else if let hashes = quotation() {
                open = (open ?? "") + string(hashes)
            } else {
                let byte = bytes[index]
                index += 1
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") {
                    depth -= 1
                    if untilParenthesis, depth < 0 { return }
                }
                guard byte > UInt8(ascii: " "), byte != UInt8(ascii: "+") else { continue }
                if let whole = open { texts.append(whole) }
                open = nil
            }
        }
    }

    /// How many `#` stand before the quotation mark that begins here; nil where none begins.
    private func quotation() -> Int? {
        let hashes = bytes[index...].prefix { $0 == UInt8(ascii: "#") }.count
        return index + hashes < bytes.count && bytes[index + hashes] == UInt8(ascii: "\"") ? hashes : nil
    }

    /// Reads a string, and gives what stands in it.
    private mutating func string(_ hashes: Int) -> String {
        index += hashes
        let mark = starts("\"\"\"") ? 3 : 1
        index += mark
        let fence = Array(repeating: UInt8(ascii: "#"), count: hashes)
        let ending = Array(repeating: UInt8(ascii: "\""), count: mark) + fence
        let escape = [UInt8(ascii: "\\")] + fence
        var text: [UInt8] = []
        while index < bytes.count {
            if starts(ending) {
                index += ending.count
                break
            }
            // A quotation mark that was none, in a regular expression say, ends with its line.
            if mark == 1, bytes[index] == UInt8(ascii: "\n") { break }
            guard starts(escape) else {
                text.append(bytes[index])
                index += 1
                continue
            }
            index += escape.count
            if index < bytes.count, bytes[index] == UInt8(ascii: "(") {
                index += 1
                code(untilParenthesis: true)
                text += Array("…".utf8)
            } else {
                text += escape + bytes[index..<min(index + 1, bytes.count)]
                index += 1
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private func starts(_ words: StaticString, _ place: Int? = nil) -> Bool {
        let place = place ?? index
        guard place + words.utf8CodeUnitCount <= bytes.count else { return false }
        return (0..<words.utf8CodeUnitCount).allSatisfy { bytes[place + $0] == words.utf8Start[$0] }
    }

    private func starts(_ words: [UInt8]) -> Bool { bytes[index...].starts(with: words) }
}
