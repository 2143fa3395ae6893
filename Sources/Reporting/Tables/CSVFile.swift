import Domain

/// Reads a CSV file of ours back.
enum CSVFile {
    /// The records below the header. Throws `badData` where it is not RFC 4180.
    static func records(_ content: [UInt8]) throws -> [[String]] {
        var reader = CSVReader()
        var records: [[String]] = []
        do {
            try reader.read(content) { records.append($0.map(\.text)) }
            try reader.finish { records.append($0.map(\.text)) }
        } catch let defect as CSVDefect {
            throw DaybookError.badData("A CSV file is damaged: line \(defect.line), \(defect.what).")
        }
        return Array(records.dropFirst())
    }
}
