import Domain
import Formats

/// A CSV file of ours, read back: its fields are asked for by the names of their columns.
package struct CSVFile {
    /// One row below the header.
    package struct Record: Equatable {
        fileprivate let columns: [String]
        /// In the order of the columns.
        package fileprivate(set) var fields: [String]

        /// True where it has a field for every column, and no other.
        package var isWhole: Bool { fields.count == columns.count }

        /// The field of a column; nil where there is none.
        package subscript(_ column: String) -> String? {
            columns.firstIndex(of: column).flatMap { fields.indices.contains($0) ? fields[$0] : nil }
        }

        /// The number in a column; nil where there is none.
        package func integer(_ column: String) -> Int64? { self[column].flatMap { Int64($0) } }

        /// The same with another text in one column.
        package func with(_ text: String, in column: String) -> Record {
            var copy = self
            if let index = columns.firstIndex(of: column), fields.indices.contains(index) { copy.fields[index] = text }
            return copy
        }

        /// The same without one column.
        package func without(_ column: String) -> Record {
            guard let index = columns.firstIndex(of: column), fields.indices.contains(index) else { return self }
            var (columns, fields) = (columns, fields)
            columns.remove(at: index)
            fields.remove(at: index)
            return Record(columns: columns, fields: fields)
        }
    }

    package let columns: [String]
    package let records: [Record]

    /// Throws `badData` where it is not RFC 4180.
    package init(_ content: [UInt8]) throws {
        var reader = CSVReader()
        var rows: [[String]] = []
        do {
            try reader.read(content) { rows.append($0.map(\.text)) }
            try reader.finish { rows.append($0.map(\.text)) }
        } catch let defect as CSVDefect {
            throw DaybookError.badData("A CSV file is damaged: line \(defect.line), \(defect.what).")
        }
        let columns = rows.first ?? []
        self.columns = columns
        records = rows.dropFirst().map { Record(columns: columns, fields: $0) }
    }
}
