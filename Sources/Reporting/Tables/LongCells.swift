import Domain

/// Finds the cells that a spreadsheet cannot hold, so that every form of the report says so.
enum LongCells {
    /// A row of the exceptions for every text beyond the limit of a cell.
    static func exceptions(in tables: [Table]) -> [[Cell]] {
        tables.flatMap { table in
            table.rows.enumerated().flatMap { index, row in
                zip(table.columns, row).compactMap { column, cell -> [Cell]? in
                    guard case .text(let text) = cell, text.utf16.count > Limits.cellLength else { return nil }
                    return [
                        .text("cell_cut"), .text(""), .text("\(table.name), row \(index + 1), \(column.id)"),
                        .text("\(text.utf16.count) characters are whole in the CSV file, and cut in the workbook"),
                    ]
                }
            }
        }
    }
}
