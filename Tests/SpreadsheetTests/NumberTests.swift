import Domain
import Spreadsheet
import Testing

extension SpreadsheetTests {
    @Suite struct NumberTests {
        @Test(arguments: [0, -1, 42, 999_999_999_999_999, -999_999_999_999_999, 900_719_925_474_099] as [Int64])
        func `a whole number of fifteen digits is a number`(integer: Int64) throws {
            let sheet = try Scratch().roundTrip { _, sheet in try sheet.write(row: 0, column: 0, integer: integer) }
            #expect(sheet.cells["A1"]?.type == "n")
            #expect(sheet.cells["A1"]?.text == String(integer))
        }

        @Test(
            arguments: [
                1_000_000_000_000_000, -1_000_000_000_000_000, 9_007_199_254_740_991, -9_007_199_254_740_993, .max,
                .min,
            ] as [Int64])
        func `a larger one is text, digit by digit`(integer: Int64) throws {
            let sheet = try Scratch().roundTrip { _, sheet in try sheet.write(row: 0, column: 0, integer: integer) }
            #expect(sheet.cells["A1"]?.type == "s")
            #expect(sheet.cells["A1"]?.text == String(integer))
        }

        @Test func `numbers keep their value and carry their format`() throws {
            let sheet = try Scratch().roundTrip { book, sheet in
                let formats: [NumberFormat] = ["0.0000\"%\"", "0.0000%", .seconds, "$#,##0.00", "@", .integer]
                let values = [99.8611, 0.998611, 3600.001, -1234.5, 0.000125, 1_000_000]
                for (column, (format, value)) in zip(formats, values).enumerated() {
                    let format = try book.format(CellStyle(numberFormat: format))
                    try sheet.write(row: 0, column: column, number: value, format: format)
                }
            }
            #expect(
                "ABCDEF".map { sheet.cells["\($0)1"]?.text }
                    == ["99.8611", "0.998611", "3600.001", "-1234.5", "0.000125", "1000000"])
            #expect(
                "ABCDEF".map { sheet.cells["\($0)1"]?.numberFormat }
                    == ["0.0000\"%\"", "0.0000%", "#,##0.000", "$#,##0.00", "@", "#,##0"])
        }

        @Test(arguments: [Double.nan, .infinity, -.infinity])
        func `what is no number is refused`(number: Double) throws {
            let scratch = try Scratch()
            let sheet = try scratch.workbook().addSheet("Sheet")
            let failure = #expect(throws: SpreadsheetError.self) {
                try sheet.write(row: 0, column: 0, number: number)
            }
            #expect(failure?.code == .number)
        }

        @Test func `an instant is a spreadsheet's own in UTC, and text where it has none`() throws {
            let texts = [
                "2026-11-01T00:00:00Z", "2026-10-31T23:59:59.999999Z", "1900-03-01T00:00:00Z",
                "9999-12-31T23:59:59.999Z", "1969-12-31T23:59:59.9995Z", "1900-02-28T23:59:59.999Z",
            ]
            let sheet = try Scratch().roundTrip { _, sheet in
                for (column, text) in texts.enumerated() {
                    try sheet.write(row: 0, column: column, instant: try #require(Instant(text)))
                }
                try sheet.write(row: 1, column: 0, instant: .distantFuture)
            }
            // Milliseconds, rounded down: none becomes a later one.
            #expect(sheet.cells["A1"]?.type == "d" && sheet.cells["A1"]?.text == "datetime.datetime(2026, 11, 1, 0, 0)")
            #expect(sheet.cells["B1"]?.text.contains("23, 59, 59, 999000") == true, "\(sheet.cells)")
            #expect(sheet.cells["C1"]?.type == "d" && sheet.cells["D1"]?.type == "d")
            #expect(sheet.cells["E1"]?.text.contains("23, 59, 59, 999000") == true)
            #expect(sheet.cells["F1"]?.text == "1900-02-28T23:59:59.999000+00:00" && sheet.cells["F1"]?.type == "s")
            #expect(sheet.cells["A2"]?.text == "infinity")
        }
    }
}
