import Spreadsheet
import Testing

extension SpreadsheetTests {
    @Suite struct SheetTests {
        @Test func `writing to a row that is closed is an error, not silence`() throws {
            let scratch = try Scratch()
            let sheet = try scratch.workbook().addSheet("Sheet")
            try sheet.write(row: 5, column: 0, text: "five")
            try sheet.write(row: 5, column: 1, text: "five again")
            try sheet.write(row: 7, column: 0, text: "seven")
            let writes: [(Sheet) throws -> Void] = [
                { try $0.write(row: 5, column: 2, text: "late") },
                { try $0.write(row: 6, column: 2, integer: 1) },
                { try $0.write(row: 0, column: 0, number: 0.5) },
            ]
            for write in writes {
                let failure = #expect(throws: SpreadsheetError.self) { try write(sheet) }
                #expect(failure?.code == .rowOrder)
            }
        }

        @Test(arguments: [(-1, 0), (0, -1), (1_048_576, 0), (0, 16_384), (Int.max, 0), (0, 65_536)])
        func `a cell outside the sheet is refused`(row: Int, column: Int) throws {
            let scratch = try Scratch()
            let sheet = try scratch.workbook().addSheet("Sheet")
            for write in [
                { try sheet.write(row: row, column: column, text: "x") },
                { try sheet.write(row: row, column: column, integer: 1) },
                { try sheet.freeze(rows: row, columns: column) },
            ] {
                let failure = #expect(throws: SpreadsheetError.self) { try write() }
                #expect(failure?.code == .outOfRange)
            }
        }

        @Test func `the last cell of a sheet can be written`() throws {
            let sheet = try Scratch().roundTrip { _, sheet in
                try sheet.write(row: 1_048_575, column: 16_383, text: "last")
            }
            #expect(sheet.cells["XFD1048576"]?.text == "last")
        }

        @Test func `layout and print setup are in the file`() throws {
            let sheet = try Scratch().roundTrip { _, sheet in
                try sheet.setColumns([38, 12.5, 20])
                try sheet.freeze(rows: 1, columns: 2)
                try sheet.autofilter(rows: 0...10, columns: 0...2)
                sheet.setPage()
                try sheet.repeatRows(0...0)
                try sheet.setFooter(
                    PageText(left: "R&G & all", centre: PageText.sheet, right: "\(PageText.page) / \(PageText.pages)"))
                try sheet.write(row: 0, column: 0, text: "head")
            }
            #expect(sheet.freeze == "C2")
            #expect(sheet.filter == "A1:C11")
            #expect(sheet.orientation == "landscape")
            #expect(sheet.paper == "9")
            #expect(sheet.fitToWidth ?? 1 == 1)
            #expect(sheet.fitToHeight == 0)
            #expect(sheet.repeatedRows == "$1:$1")
            #expect(sheet.footer == ["R&&\u{200B}G && all", "&A", "&P / &N"])
            #expect(sheet.widths["A"].map { abs($0 - 38.7109375) < 0.01 } == true)
        }

        @Test func `a footer that is too long, or holds a control character, is refused`() throws {
            let scratch = try Scratch()
            let sheet = try scratch.workbook().addSheet("Sheet")
            for text in [String(repeating: "x", count: 254), "\u{02}"] {
                #expect(throws: SpreadsheetError.self) { try sheet.setFooter(PageText(left: text)) }
            }
        }

        @Test func `charts stand in the file and are inserted once`() throws {
            let scratch = try Scratch()
            let sheet = try scratch.roundTrip { book, sheet in
                for row in 0..<13 {
                    try sheet.write(row: row, column: 0, text: "2026-\(row)")
                    try sheet.write(row: row, column: 1, number: 99 + Double(row % 5) / 10)
                    try sheet.write(row: row, column: 2, number: 99.5)
                }
                let chart = Chart(
                    title: "=Availability", summary: "Twelve months of \"availability\"", categoryTitle: "month",
                    valueTitle: "per cent", valueMinimum: 98, valueMaximum: 100, valueFormat: "0.0",
                    series: (1...2).map { column in
                        ChartSeries(
                            name: "series \(column)", categories: CellRange(sheet: "Sheet", rows: 0...12, column: 0),
                            values: CellRange(sheet: "Sheet", rows: 0...12, column: column), isLimit: column == 2)
                    })
                let handle = try book.addLineChart(chart)
                try sheet.insert(handle, row: 15, column: 0)
                #expect(throws: SpreadsheetError.self) { try sheet.insert(handle, row: 15, column: 9) }
                try sheet.insert(book.addLineChart(chart), row: 15, column: 9)
            }
            #expect(sheet.charts == 2)
            let xml = try scratch.part("xl/charts/chart1.xml")
            #expect(xml.contains("0072B2") && xml.contains("D55E00") && xml.contains("<a:t> =Availability</a:t>"))
            #expect(xml.contains("<c:min val=\"98\"/>") && xml.contains("<c:max val=\"100\"/>"))
            let drawing = try scratch.part("xl/drawings/drawing1.xml")
            #expect(drawing.contains("descr=\"Twelve months of &quot;availability&quot;\""))
        }

        @Test func `a chart without cells to show is refused`() throws {
            let scratch = try Scratch()
            let book = try scratch.workbook()
            _ = try book.addSheet("Sheet")
            let range = CellRange(sheet: "elsewhere", rows: 0...1, column: 0)
            for series in [[], [ChartSeries(name: "s", categories: range, values: range)]] {
                #expect(throws: SpreadsheetError.self) { _ = try book.addLineChart(Chart(title: "t", series: series)) }
            }
        }
    }
}
