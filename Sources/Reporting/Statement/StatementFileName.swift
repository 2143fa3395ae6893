import Domain

/// The name of one of a statement's files, as its manifest and its close write it: a file of its folder, or the
/// workbook or the page beside that. It is a name and never a path: of any other text none is made.
struct StatementFileName: Hashable, Sendable {
    static let manifest = "manifest.json"

    /// `statement-SLUG-2026-10`, the name of the folder.
    let baseName: String
    /// The name of the file itself.
    let name: String
    /// The form of a file beside the folder; nil for one in it.
    let format: ReportFormat?

    /// The whole name below the folder of outputs.
    var text: String { format == nil ? baseName + "/" + name : name }

    /// Nil unless the text is the name of a file of that statement.
    init?(_ text: String, of baseName: String) {
        self.baseName = baseName
        if let format = Self.beside.first(where: { Array(text.utf8) == Array("\(baseName).\($0.rawValue)".utf8) }) {
            name = "\(baseName).\(format.rawValue)"
            self.format = format
            return
        }
        let folder = Array((baseName + "/").utf8)
        guard text.utf8.starts(with: folder) else { return nil }
        name = String(decoding: Array(text.utf8.dropFirst(folder.count)), as: UTF8.self)
        format = nil
        guard Self.isOwn(name) else { return nil }
    }

    /// The forms that lie beside the folder.
    static let beside: [ReportFormat] = [.xlsx, .html]

    /// The folder of an account's statement; nil where no account or month has such a name.
    static func baseName(slug: String, month: String) -> String? {
        guard Account.isSlug(slug), Month(month) != nil else { return nil }
        return "statement-\(slug)-\(month)"
    }

    /// `manifest.json`, or a CSV file named with small letters, digits and low lines.
    private static func isOwn(_ name: String) -> Bool {
        guard Array(name.utf8) != Array(manifest.utf8) else { return true }
        let (bytes, ending) = (Array(name.utf8), Array(".csv".utf8))
        guard bytes.count > ending.count, bytes.count <= Limits.slugLength,
            bytes.suffix(ending.count).elementsEqual(ending)
        else { return false }
        return bytes.dropLast(ending.count).allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
        }
    }
}
