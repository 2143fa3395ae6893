import CXlsxWriter
import Glibc

extension Sheet {
    /// Makes rows that were written a table of the spreadsheet's own: it has a name, a filter on its header and
    /// striped rows, and formulas and other programs find it by its name.
    ///
    /// The first of the rows is the header, whose cells hold `headers`. The name is the sheet's, as far as a table may
    /// have it. Throws where there is no row below the header, and for headers that a table cannot have.
    public func addTable(
        rows: ClosedRange<Int>, columns: ClosedRange<Int>, headers: [String]
    ) throws(SpreadsheetError) {
        checkOpen()
        let (first, last) = try corners(rows, columns)
        guard rows.count > 1 else {
            throw SpreadsheetError(.table, "The table of \"\(name)\" has no row below its header.")
        }
        guard headers.count == columns.count, TableHeaders.fit(headers) else {
            throw SpreadsheetError(
                .table,
                "The headers of \"\(name)\" are no table's: every column has one of at most "
                    + "\(SpreadsheetLimits.tableHeaderLength) characters in one line, and no two have the same.")
        }
        let tableName = TableName.make(of: name, taken: workbook.tableNames)
        let status = withOptions(tableName, headers) { options in
            keepingRows {
                worksheet_add_table(worksheet, first.row, first.column, last.row, last.column, &options)
            }
        }
        try check(status, first)
        workbook.tableNames.insert(tableName.lowercased())
    }

    /// Lends what the library wants to know of a table, of which it makes its own copy.
    private func withOptions(
        _ tableName: String, _ headers: [String], _ body: (inout lxw_table_options) -> lxw_error
    ) -> lxw_error {
        let nameText = strdup(tableName)
        let columns = UnsafeMutablePointer<lxw_table_column>.allocate(capacity: headers.count)
        // A list of pointers that ends with none.
        let list = UnsafeMutablePointer<UnsafeMutablePointer<lxw_table_column>?>.allocate(capacity: headers.count + 1)
        for (index, header) in headers.enumerated() {
            columns[index] = lxw_table_column()
            columns[index].header = strdup(header)
            list[index] = columns + index
        }
        list[headers.count] = nil
        defer {
            for index in headers.indices { free(columns[index].header) }
            free(nameText)
            list.deallocate()
            columns.deallocate()
        }
        var options = lxw_table_options()
        options.name = nameText
        options.style_type = UInt8(LXW_TABLE_STYLE_TYPE_LIGHT.rawValue)
        options.style_type_number = Self.stripedStyle
        options.columns = list
        return body(&options)
    }

    /// Calls what the library refuses while it keeps a single row in memory.
    ///
    /// It refuses tables because it writes their header itself, which may be a row that is closed. Ours stands there
    /// already: what it writes meanwhile goes into its map of rows and a list of texts that no file is made of.
    private func keepingRows(_ body: () -> lxw_error) -> lxw_error {
        let texts = worksheet.pointee.sst
        guard let unused = lxw_sst_new() else { return LXW_ERROR_MEMORY_MALLOC_FAILED }
        worksheet.pointee.sst = unused
        worksheet.pointee.optimize = 0
        defer {
            worksheet.pointee.optimize = 1
            worksheet.pointee.sst = texts
            lxw_sst_free(unused)
        }
        return body()
    }

    /// The number of the light style that is black on white, every other row on grey.
    private static let stripedStyle: UInt8 = 1
}

/// Which texts can head the columns of a table.
public enum TableHeaders {
    /// True where each is a text of its own, whatever its case, and stands in the file as it stands in the cell: in one
    /// line, and without what is written as an escape.
    public static func fit(_ headers: [String]) -> Bool {
        !headers.isEmpty && Set(headers.map { $0.lowercased() }).count == headers.count
            && headers.allSatisfy { header in
                !header.isEmpty && header.utf16.count <= SpreadsheetLimits.tableHeaderLength
                    && header.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0xFFFE && $0.value != 0xFFFF }
                    && !header.contains("_x")
            }
    }
}

/// The names of tables: letters, digits and low lines, the first one a letter, nothing that reads as a cell.
enum TableName {
    /// A name like the sheet's that no other table of the workbook has; `taken` are theirs in small letters.
    static func make(of sheet: String, taken: Set<String>) -> String {
        let words = sheet.unicodeScalars.split { !isWord($0) }.map(String.init)
        var name = words.joined(separator: "_")
        let letters = name.prefix { $0.isLetter }
        // `A1`, `R1C1`, `R` and the like are cells; so short a word is not worth telling them apart.
        if letters.isEmpty || (letters.count <= 3 && !name.contains("_")) {
            name = (["Table"] + (name.isEmpty ? [] : [name])).joined(separator: "_")
        }
        var (unique, number) = (name, 1)
        while taken.contains(unique.lowercased()) {
            number += 1
            unique = "\(name)_\(number)"
        }
        return unique
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
    }
}
