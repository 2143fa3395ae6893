import Domain
import Foundation
import Spreadsheet
import Testing

extension SpreadsheetTests {
    @Suite struct TableTests {
        private static let headers = ["Model", "Accepted (UTC)", "Good", "% & \"rest\""]

        private func fill(_ sheet: Sheet, rows: Int, firstRow: Int = 0) throws {
            for (column, header) in Self.headers.enumerated() {
                try sheet.write(row: firstRow, column: column, text: header)
            }
            for row in (firstRow + 1)..<(firstRow + 1 + rows) {
                try sheet.write(row: row, column: 0, text: "sora-2")
                try sheet.write(row: row, column: 1, instant: Scratch.created)
                try sheet.write(row: row, column: 2, integer: Int64(row))
                try sheet.write(row: row, column: 3, number: 0.5)
            }
        }

        @Test func `rows that were written become a table of exactly them, and stay as they are`() throws {
            func write(asTable: Bool) throws -> (scratch: Scratch, sheet: ReadWorkbook.Sheet) {
                let scratch = try Scratch()
                let sheet = try scratch.roundTrip { _, sheet in
                    try sheet.write(row: 0, column: 0, text: "a title")
                    try fill(sheet, rows: 5, firstRow: 3)
                    if asTable { try sheet.addTable(rows: 3...8, columns: 0...3, headers: Self.headers) }
                    // The sheet goes on, and its closed rows are closed.
                    try sheet.write(row: 9, column: 0, text: "below")
                    let late = #expect(throws: SpreadsheetError.self) { try sheet.write(row: 4, column: 0, text: "x") }
                    #expect(late?.code == .rowOrder)
                    if asTable {
                        let late = #expect(throws: SpreadsheetError.self) {
                            try sheet.write(row: 3, column: 0, text: "x")
                        }
                        #expect(late?.code == .rowOrder)
                    }
                }
                return (scratch, sheet)
            }
            let (plain, table) = (try write(asTable: false), try write(asTable: true))
            #expect(
                table.sheet.tables == [
                    .init(name: "Sheet", ref: "A4:D9", filter: "A4:D9", headers: Self.headers)
                ])
            #expect(plain.sheet.tables.isEmpty)
            #expect(table.sheet.cells.mapValues(\.text) == plain.sheet.cells.mapValues(\.text))
            #expect(table.sheet.cells.count == 1 + 6 * 4 + 1)
            // The rows are streamed as ever, and nothing of the table is among the shared texts.
            let rows = try table.scratch.part("xl/worksheets/sheet1.xml")
            #expect(rows.contains("<c r=\"A4\" t=\"inlineStr\">"))
            let again = try write(asTable: true)
            #expect(
                FileManager.default.contents(atPath: table.scratch.file("book.xlsx"))
                    == FileManager.default.contents(atPath: again.scratch.file("book.xlsx")))
        }

        @Test func `tables of a workbook have names of their own that are no cells`() throws {
            let scratch = try Scratch()
            let book = try scratch.workbook()
            let names = [
                "Tasks", "Usage by day", "Usage_by day", "A1", "R1C1", "Fee2026", "2026", "長い", "R", "a & 'b' c",
                "Table", "XFD1",
            ]
            for name in names {
                let sheet = try book.addSheet(name)
                try fill(sheet, rows: 1)
                try sheet.addTable(rows: 0...1, columns: 0...3, headers: Self.headers)
            }
            try book.close()
            let read = try ReadWorkbook.read(scratch.file("book.xlsx")).sheets
            #expect(
                read.flatMap(\.tables).map(\.name) == [
                    "Tasks", "Usage_by_day", "Usage_by_day_2", "Table_A1", "Table_R1C1", "Table_Fee2026", "Table_2026",
                    "Table", "Table_R", "a_b_c", "Table_2", "Table_XFD1",
                ])
        }

        @Test(arguments: [
            ["a", "A"], ["a", ""], ["a", "b\nc"], ["a", "_x0041_"], ["a"], ["a", String(repeating: "x", count: 256)],
        ])
        func `headers that no table has are refused, and the workbook is whole without it`(headers: [String]) throws {
            let sheet = try Scratch().roundTrip { _, sheet in
                try fill(sheet, rows: 1)
                let failure = #expect(throws: SpreadsheetError.self) {
                    try sheet.addTable(rows: 0...1, columns: 0...1, headers: headers)
                }
                #expect(failure?.code == .table)
                let empty = #expect(throws: SpreadsheetError.self) {
                    try sheet.addTable(rows: 0...0, columns: 0...1, headers: ["a", "b"])
                }
                #expect(empty?.code == .table)
            }
            #expect(sheet.tables.isEmpty)
            #expect(sheet.cells["A2"]?.text == "sora-2")
        }
    }
}
