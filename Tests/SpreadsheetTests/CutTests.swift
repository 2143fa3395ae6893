import Spreadsheet
import Testing

extension SpreadsheetTests {
    @Suite struct CutTests {
        @Test func `a text that is too long is cut with a mark, and the cut is listed`() throws {
            let text = String(repeating: "abcdefghij", count: 3_300)
            var cuts: [CutCell] = []
            let sheet = try Scratch().roundTrip { book, sheet in
                try sheet.write(row: 0, column: 0, text: "before")
                try sheet.write(row: 2, column: 3, text: text)
                cuts = book.cutCells
            }
            #expect(cuts == [CutCell(sheet: "Sheet", row: 2, column: 3, length: 33_000)])
            let written = try #require(sheet.cells["D3"]?.text)
            #expect(written.utf16.count == 32_767)
            #expect(written == text.prefix(32_760) + "… [cut]")
        }

        @Test(arguments: ["a", "é", "中", "😀", "\u{01}"])
        func `a text of exactly the limit is whole, one more is cut`(unit: String) throws {
            let width = unit == "\u{01}" ? 7 : unit.utf16.count
            let whole = String(repeating: unit, count: 32_767 / width)
            var cuts: [CutCell] = []
            let sheet = try Scratch().roundTrip { book, sheet in
                try sheet.write(row: 0, column: 0, text: whole)
                try sheet.write(row: 1, column: 0, text: whole + unit)
                cuts = book.cutCells
            }
            #expect(sheet.cells["A1"]?.text == whole)
            #expect(cuts.map(\.row) == [1])
            #expect(cuts.map(\.length) == [(whole + unit).utf16.count])
            let cut = try #require(sheet.cells["A2"]?.text)
            #expect(cut.hasSuffix(CutCell.mark))
            #expect(cut.dropLast(CutCell.mark.count).unicodeScalars.allSatisfy { String($0) == unit })
        }

        @Test func `a very long text does not take its length in memory again`() throws {
            let text = String(repeating: "長", count: 2_000_000)
            var cuts: [CutCell] = []
            _ = try Scratch().roundTrip { book, sheet in
                try sheet.write(row: 0, column: 0, text: text)
                cuts = book.cutCells
            }
            #expect(cuts.map(\.length) == [2_000_000])
        }
    }
}
