import Domain
import Foundation
import Spreadsheet
import Testing

/// Everything about workbooks, one test after another: some of them measure the process or limit it.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SpreadsheetTests {}

extension SpreadsheetTests {
    @Suite struct WorkbookTests {
        @Test(arguments: [
            "", String(repeating: "x", count: 32), String(repeating: "😀", count: 16), "a[b", "a]b", "a:b",
        ])
        func `a bad sheet name is refused`(name: String) throws {
            try expectRefused(name)
        }

        @Test(arguments: ["a*b", "a?b", "a/b", "a\\b", "'a", "a'", "History", "a\u{0}b", "a\nb", "SHEET", "ÄRGER"])
        func `a name that spreadsheets keep to themselves, or that is taken, is refused`(name: String) throws {
            try expectRefused(name)
        }

        private func expectRefused(_ name: String) throws {
            let scratch = try Scratch()
            let book = try scratch.workbook()
            _ = try book.addSheet("Sheet")
            _ = try book.addSheet("ärger")
            let failure = #expect(throws: SpreadsheetError.self) { _ = try book.addSheet(name) }
            #expect(failure?.code == .sheetName)
            try book.close()
            #expect(try ReadWorkbook.read(scratch.file("book.xlsx")).sheets.map(\.name) == ["Sheet", "ärger"])
        }

        @Test func `names that look like cells or need apostrophes work in filters, titles and charts`() throws {
            let scratch = try Scratch()
            let book = try scratch.workbook()
            let names = ["A1", "2026", "R1C1", "o'clock & <co>", "Tasks 2", String(repeating: "長", count: 31)]
            for name in names {
                let sheet = try book.addSheet(name)
                try sheet.autofilter(rows: 0...9, columns: 0...2)
                try sheet.repeatRows(0...0)
                let range = CellRange(sheet: name, rows: 1...2, column: 0)
                let chart = Chart(title: "t", series: [ChartSeries(name: "s", categories: range, values: range)])
                try sheet.insert(book.addLineChart(chart), row: 3, column: 3)
            }
            try book.close()
            let read = try ReadWorkbook.read(scratch.file("book.xlsx"))
            #expect(read.sheets.map(\.name) == names)
            #expect(read.sheets.map(\.repeatedRows) == names.map { _ in "$1:$1" })
            #expect(read.sheets.map(\.charts) == names.map { _ in 1 })
            let xml = try scratch.part("xl/workbook.xml")
            #expect(xml.contains(">'A1'!$A$1:$C$10<"))
            #expect(xml.contains(">'2026'!$1:$1<"))
            #expect(try scratch.part("xl/charts/chart1.xml").contains("<c:f>'A1'!$A$2:$A$3</c:f>"))
        }

        @Test func `properties are written and the clock is not`() throws {
            let scratch = try Scratch()
            let book = try Workbook(
                path: scratch.file("book.xlsx"), temporaryDirectory: scratch.path,
                properties: WorkbookProperties(
                    created: Scratch.created, title: "SLA <2026-10> & more", subject: "subject", author: "author",
                    company: "company", comments: "comments", custom: [("digest", "abc"), ("état", "préliminaire")]))
            _ = try book.addSheet("Sheet")
            try book.close()
            let properties = try ReadWorkbook.read(scratch.file("book.xlsx")).properties
            #expect(properties.title == "SLA <2026-10> & more")
            #expect(properties.subject == "subject")
            #expect(properties.creator == "author")
            #expect(properties.description == "comments")
            #expect(properties.created.hasPrefix("2026-11-01T00:00:00"))
            #expect(properties.modified.hasPrefix("2026-11-01T00:00:00"))
            #expect(properties.custom == ["digest": "abc", "état": "préliminaire"])
            #expect(try scratch.part("docProps/app.xml").contains("<Company>company</Company>"))
        }

        @Test(arguments: [
            WorkbookProperties(created: Instant(microseconds: 999_999)), WorkbookProperties(created: .distantFuture),
            WorkbookProperties(created: Scratch.created, title: "\u{01}"),
            WorkbookProperties(created: Scratch.created, custom: [("", "x")]),
            WorkbookProperties(created: Scratch.created, custom: [("x", String(repeating: "x", count: 256))]),
        ])
        func `properties that a document cannot hold are refused`(properties: WorkbookProperties) throws {
            let scratch = try Scratch()
            let failure = #expect(throws: SpreadsheetError.self) {
                _ = try Workbook(
                    path: scratch.file("book.xlsx"), temporaryDirectory: scratch.path, properties: properties)
            }
            #expect(failure?.code == .property)
        }

        @Test func `equal styles share a format, and a style that does not fit is refused`() throws {
            let scratch = try Scratch()
            let book = try scratch.workbook()
            let sheet = try book.addSheet("Sheet")
            for row in 0..<100 {
                let format = try book.format(CellStyle(bold: true, fontColour: Colour(0), fill: Colour(0xEEEEEE)))
                try sheet.write(row: row, column: 0, text: "x", format: format)
            }
            for style in [
                CellStyle(numberFormat: NumberFormat(String(repeating: "0", count: 128))), CellStyle(indent: 16),
                CellStyle(size: 0), CellStyle(numberFormat: "\u{01}"),
            ] {
                #expect(throws: SpreadsheetError.self) { _ = try book.format(style) }
            }
            try book.close()
            #expect(try scratch.part("xl/styles.xml").contains("<cellXfs count=\"2\">"))
        }

        @Test func `the same content gives the same bytes`() throws {
            let scratch = try Scratch()
            for name in ["one.xlsx", "two.xlsx"] {
                let book = try scratch.workbook(name)
                let sheet = try book.addSheet("Sheet")
                try sheet.setFooter(PageText(left: "x", right: PageText.page))
                for row in 0..<1000 {
                    try sheet.write(row: row, column: 0, text: "row \(row)", format: book.format(CellStyle(bold: true)))
                    try sheet.write(row: row, column: 1, number: Double(row) / 7)
                }
                let range = CellRange(sheet: "Sheet", rows: 0...9, column: 1)
                try sheet.insert(
                    book.addLineChart(
                        Chart(title: "t", series: [ChartSeries(name: "s", categories: range, values: range)])),
                    row: 0, column: 3)
                try book.close()
            }
            let one = try Data(contentsOf: URL(fileURLWithPath: scratch.file("one.xlsx")))
            #expect(try one == Data(contentsOf: URL(fileURLWithPath: scratch.file("two.xlsx"))))
            let core = try scratch.part("docProps/core.xml", of: "one.xlsx")
            #expect(core.components(separatedBy: "2026-11-01T00:00:00Z").count == 3)
        }
    }
}

extension SpreadsheetTests {
    @Suite struct MemoryTests {
        @Test func `memory stays flat over three hundred thousand rows`() throws {
            let scratch = try Scratch()
            let book = try scratch.workbook()
            let sheet = try book.addSheet("Sheet")
            var early = 0
            for row in 0..<300_000 {
                for column in 0..<13 {
                    try "7c9e6679-7425-40de-944b-e07fc1f90ae7".withCString {
                        try sheet.write(row: row, column: column, utf8: $0)
                    }
                }
                if row == 10_000 { early = try residentBytes() }
            }
            try book.close()
            let growth = try residentBytes() - early
            #expect(growth < 16_000_000, "memory grew by \(growth) bytes")
        }

        private func residentBytes() throws -> Int {
            let status = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
            let pages = try #require(Int(status.split(separator: " ")[1]))
            return pages * sysconf(Int32(_SC_PAGESIZE))
        }
    }
}
