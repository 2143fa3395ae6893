/// What must stand in a finished workbook: the library does not notice when its own temporary files are cut short.
struct ExpectedFile {
    /// Bytes of each sheet's rows.
    let sheetRowBytes: [Int64]
    /// Charts that stand on sheets.
    let charts: Int

    /// Bytes that stand around the rows of every sheet, whatever it holds: declaration, root element with its two
    /// namespaces, dimension, view, format of rows, the ends of the data, page margins.
    private static let bytesAroundRows: Int64 = 430

    /// Throws where the file at a path lacks a part, or a part is smaller than what was written into it.
    func check(path: String) throws(SpreadsheetError) {
        let sizes: [String: Int64]
        do throws(ZipDirectory.Damage) {
            sizes = try ZipDirectory(path: path).sizes
        } catch {
            throw SpreadsheetError(.incomplete, "\(path) came out incomplete: \(error.reason).")
        }
        for (name, size) in sizes.sorted(by: { $0.key < $1.key }) where size == 0 {
            throw SpreadsheetError(.incomplete, "\(path) came out incomplete: \(name) is empty.")
        }
        for (name, least) in parts {
            guard let size = sizes[name] else {
                throw SpreadsheetError(.incomplete, "\(path) came out incomplete: \(name) is missing.")
            }
            guard size >= least else {
                throw SpreadsheetError(
                    .incomplete,
                    "\(path) came out incomplete: \(name) has \(size) of at least \(least) bytes; "
                        + "was there room for temporary files?")
            }
        }
    }

    private var parts: [(name: String, leastBytes: Int64)] {
        let fixed = [
            "[Content_Types].xml", "_rels/.rels", "docProps/app.xml", "docProps/core.xml", "xl/workbook.xml",
            "xl/styles.xml", "xl/theme/theme1.xml", "xl/_rels/workbook.xml.rels",
        ]
        return fixed.map { ($0, 1) }
            + sheetRowBytes.enumerated().map { index, bytes in
                ("xl/worksheets/sheet\(index + 1).xml", bytes + Self.bytesAroundRows)
            }
            + (0..<charts).map { ("xl/charts/chart\($0 + 1).xml", 1) }
    }
}
