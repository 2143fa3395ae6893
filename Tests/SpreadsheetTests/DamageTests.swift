import Foundation
import Testing

@testable import Spreadsheet

extension SpreadsheetTests {
    @Suite struct DamageTests {
        @Test func `a whole file passes, and every way of cutting it is noticed`() throws {
            let scratch = try Scratch()
            let book = try scratch.workbook()
            let sheet = try book.addSheet("Sheet")
            for row in 0..<100 { try sheet.write(row: row, column: 0, integer: Int64(row)) }
            try book.close()
            let path = scratch.file("book.xlsx")
            let whole = ExpectedFile(sheetRowBytes: [2000], charts: 0)
            try whole.check(path: path)
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            for count in stride(from: 0, to: data.count, by: 97) {
                try data.prefix(count).write(to: URL(fileURLWithPath: path))
                #expect(throws: SpreadsheetError.self) { try whole.check(path: path) }
            }
            try (data.prefix(50) + data.dropFirst(60)).write(to: URL(fileURLWithPath: path))
            #expect(throws: SpreadsheetError.self) { try whole.check(path: path) }
            #expect(throws: SpreadsheetError.self) { try whole.check(path: scratch.file("missing.xlsx")) }
        }

        @Test func `a sheet or a chart that is missing or too small is noticed`() throws {
            let scratch = try Scratch()
            let book = try scratch.workbook()
            _ = try book.addSheet("Sheet")
            try book.close()
            let path = scratch.file("book.xlsx")
            try ExpectedFile(sheetRowBytes: [0], charts: 0).check(path: path)
            for expected in [
                ExpectedFile(sheetRowBytes: [0, 0], charts: 0), ExpectedFile(sheetRowBytes: [100], charts: 0),
                ExpectedFile(sheetRowBytes: [0], charts: 1),
            ] {
                let failure = #expect(throws: SpreadsheetError.self) { try expected.check(path: path) }
                #expect(failure?.code == .incomplete)
            }
        }

        @Test func `sheets of every make-up are larger than the least that is expected`() throws {
            let scratch = try Scratch()
            let book = try scratch.workbook()
            for name in ["empty", "one cell", "no view", "last"] { _ = try book.addSheet(name) }
            let full = try book.addSheet("full")
            full.setPage()
            try full.write(row: 0, column: 0, text: "x")
            try book.close()
            try ExpectedFile(sheetRowBytes: [0, 0, 0, 0, 0], charts: 0).check(path: scratch.file("book.xlsx"))
        }
    }
}
