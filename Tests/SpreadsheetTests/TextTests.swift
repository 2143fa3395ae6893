import Foundation
import Spreadsheet
import Testing

extension SpreadsheetTests {
    @Suite struct TextTests {
        @Test(
            arguments: [
                "=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "-5", "0012", "9007199254740993", "1e5", "TRUE",
                "2026-10-01",
                "http://example.org", "mailto:a@example.org", "{=1}", " padded ", "a\tb", "line\nbreak", "&<>\"'",
                "中文字符", "עברית", "مرحبا", "e\u{0301}\u{0323}", "👩‍👩‍👧‍👦", "\u{1F600}", "\u{FEFF}bom", "\u{2028}",
                "_x0041_", "_x005F_", "__x0041_", "_x0041\u{01}", "_X0041_", "x0041_", "_x004", "_xZZZZ_", "_x_x0041_",
                "\u{FFFD}", "\u{10FFFF}", "a\u{FFFE}b\u{FFFF}c", "\u{7F}\u{80}\u{9F}", "carriage\rreturn\r\n",
                "nul\u{0}inside", "_", "_x",
            ])
        func `text comes back as the text it was`(text: String) throws {
            let sheet = try Scratch().roundTrip { _, sheet in
                try sheet.write(row: 0, column: 0, text: text)
                try sheet.write(row: 1, column: 0, utf8: Array(text.utf8))
            }
            #expect(sheet.cells["A1"]?.type == "s")
            #expect(sheet.cells["A1"]?.text.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
            #expect(sheet.cells["A2"]?.text.unicodeScalars.elementsEqual(text.unicodeScalars) == true)
        }

        @Test func `every control character comes back`() throws {
            let sheet = try Scratch().roundTrip { _, sheet in
                for code in UInt8(0)..<0x20 {
                    try sheet.write(row: Int(code), column: 0, text: "<" + String(UnicodeScalar(code)) + ">")
                }
            }
            for code in UInt8(0)..<0x20 {
                let text = sheet.cells["A\(Int(code) + 1)"]?.text
                #expect(text?.unicodeScalars.map(\.value) == [0x3C, UInt32(code), 0x3E])
            }
        }

        @Test func `a text that ends with a NUL is written without a string`() throws {
            let sheet = try Scratch().roundTrip { _, sheet in
                try "plain".withCString { try sheet.write(row: 0, column: 0, utf8: $0) }
                try "_x0041_ ü".withCString { try sheet.write(row: 0, column: 1, utf8: $0) }
                try "".withCString { try sheet.write(row: 0, column: 2, utf8: $0) }
            }
            #expect(sheet.cells["A1"]?.text == "plain")
            #expect(sheet.cells["B1"]?.text == "_x0041_ ü")
            #expect(sheet.cells["C1"] == nil)
        }

        @Test(
            arguments: [
                ([0x61, 0xFF, 0x62], "a\u{FFFD}b"), ([0xC0, 0x80], "\u{FFFD}\u{FFFD}"),
                ([0xE4, 0xB8], "\u{FFFD}\u{FFFD}"),
                ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"),
                ([0xF4, 0x90, 0x80, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"), ([0xE2, 0x82, 0xAC], "€"),
            ] as [([UInt8], String)])
        func `bytes that are no text become replacement characters`(bytes: [UInt8], text: String) throws {
            let sheet = try Scratch().roundTrip { _, sheet in try sheet.write(row: 0, column: 0, utf8: bytes) }
            #expect(sheet.cells["A1"]?.text == text)
        }

        @Test func `an empty text is an empty cell that keeps its format`() throws {
            let sheet = try Scratch().roundTrip { book, sheet in
                let bold = try book.format(CellStyle(bold: true))
                try sheet.write(row: 0, column: 0, text: "")
                try sheet.write(row: 0, column: 1, text: "", format: bold)
                try sheet.writeBlank(row: 0, column: 2, format: bold)
            }
            #expect(sheet.cells["A1"] == nil)
            #expect(sheet.cells["B1"]?.isBold == true)
            #expect(sheet.cells["C1"]?.isBold == true)
        }
    }
}

extension Sheet {
    /// Writes bytes that need not end with a NUL.
    func write(row: Int, column: Int, utf8 bytes: [UInt8]) throws {
        var failure: (any Error)?
        bytes.withUnsafeBufferPointer { buffer in
            do { try write(row: row, column: column, utf8: buffer) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

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
