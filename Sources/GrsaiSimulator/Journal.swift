import Domain
import Foundation

/// A file of everything that was ever accepted, over any number of starts.
struct Journal {
    /// One accepted task.
    struct Entry: Codable, Sendable, Hashable {
        let id: String
        let model: String
        let webHook: String?
        let nonce: String?

        enum CodingKeys: String, CodingKey {
            case id, model, nonce
            case webHook = "web_hook"
        }
    }

    /// What was there when it was opened.
    let earlier: [Entry]
    private let file: FileHandle

    /// - Throws: `DaybookError` of kind `output` where the file cannot be written, of kind `badData` for a line that
    ///   is no entry.
    init(path: String) throws {
        let url = URL(fileURLWithPath: path)
        if !FileManager.default.fileExists(atPath: path) {
            guard FileManager.default.createFile(atPath: path, contents: nil) else {
                throw DaybookError.output("The journal '\(path)' cannot be written.")
            }
        }
        guard let content = try? Data(contentsOf: url), let file = try? FileHandle(forUpdating: url) else {
            throw DaybookError.output("The journal '\(path)' cannot be written.")
        }
        var entries: [Entry] = []
        // A killed process may leave a last line without its end: it was not finished, and is cut off.
        let whole = content.lastIndex(of: 0x0A).map { content.prefix(through: $0) } ?? Data()
        for (number, line) in whole.split(separator: 0x0A).enumerated() {
            guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line)) else {
                throw DaybookError.badData("The journal '\(path)' has something else in line \(number + 1).")
            }
            entries.append(entry)
        }
        try file.truncate(atOffset: UInt64(whole.count))
        earlier = entries
        self.file = file
    }

    /// Appends one task; after the call the line is the system's, and survives our end.
    func append(_ entry: Entry) throws {
        try file.write(contentsOf: Data(try CannedAnswer.bytes(entry) + [0x0A]))
    }
}
