import Domain
import Foundation
import Testing

@testable import Spreadsheet

extension SpreadsheetTests {
    @Suite struct DiskTests {
        @Test func `rows that do not fit among the temporary files are an error`() throws {
            let (scratch, disk) = (try Scratch(), try TinyDisk(kilobytes: 1024))
            let failure = try close(scratch.file("book.xlsx"), temporaryDirectory: disk.path, rows: 40_000)
            #expect(failure?.code == .diskFull)
            #expect(failure?.sentence.contains(disk.path) == true)
            #expect(scratch.files.isEmpty)
            #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path).isEmpty)
        }

        @Test func `rows that fit once but not twice are an error before anything is lost`() throws {
            let (scratch, disk) = (try Scratch(), try TinyDisk(kilobytes: 4096))
            let failure = try close(scratch.file("book.xlsx"), temporaryDirectory: disk.path, rows: 40_000)
            #expect(failure?.code == .diskFull)
            #expect(failure?.sentence.contains("needs about") == true)
            #expect(scratch.files.isEmpty)
        }

        @Test func `an output that does not fit is an error and leaves nothing`() throws {
            let (scratch, disk) = (try Scratch(), try TinyDisk(kilobytes: 128))
            let failure = try close(disk.path + "/book.xlsx", temporaryDirectory: scratch.path, rows: 40_000)
            #expect(failure?.code == .diskFull)
            #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path).isEmpty)
            #expect(scratch.files.isEmpty)
        }

        @Test func `an output on a device without room is an error, and a link to it is removed`() throws {
            let scratch = try Scratch()
            try FileManager.default.createSymbolicLink(
                atPath: scratch.file("book.xlsx"), withDestinationPath: "/dev/full")
            let failure = try close(scratch.file("book.xlsx"), temporaryDirectory: scratch.path, rows: 10_000)
            #expect(failure?.code == .diskFull)
            #expect(scratch.files.isEmpty)
            #expect(FileManager.default.fileExists(atPath: "/dev/full"))
        }

        /// The largest size of a file stands in for a disk that another process fills in the meantime: the library
        /// writes its second copy of the rows short, says nothing, and the list of parts shows it.
        @Test(arguments: [0, 64, 400])
        func `a temporary file that is cut short while the output is made is noticed`(bytesBeyondRows: Int) throws {
            let scratch = try Scratch()
            let book = try scratch.workbook()
            let sheet = try book.addSheet("Sheet")
            try fill(sheet, rows: 50_000)
            // Every row has the same width here, so that the rows' size follows from the file of the same rows.
            let limit = try rowBytes(scratch, rows: 50_000) + bytesBeyondRows
            let failure = try withFileSizeLimit(limit) {
                #expect(throws: SpreadsheetError.self) { try book.close() }
            }
            #expect(failure?.code == .incomplete || failure?.code == .diskFull)
            #expect(scratch.files.isEmpty)
        }

        @Test(arguments: ["/nonexistent/book.xlsx", "/dev/null/book.xlsx", "/proc/book.xlsx", "/tmp", "", "a\u{0}b"])
        func `an output that cannot be created is refused at once`(path: String) throws {
            let scratch = try Scratch()
            let failure = #expect(throws: SpreadsheetError.self) {
                let book = try Workbook(
                    path: path, temporaryDirectory: scratch.path,
                    properties: WorkbookProperties(created: Scratch.created))
                _ = try book.addSheet("Sheet")
                try book.close()
            }
            #expect(failure?.code == .cannotCreateFile)
        }

        @Test func `a folder that cannot be written is refused at once`() throws {
            let (scratch, disk) = (try Scratch(), try TinyDisk(kilobytes: 64, readOnly: true))
            let properties = WorkbookProperties(created: Scratch.created)
            let output = #expect(throws: SpreadsheetError.self) {
                _ = try Workbook(
                    path: disk.path + "/book.xlsx", temporaryDirectory: scratch.path, properties: properties)
            }
            #expect(output?.code == .cannotCreateFile)
            let temporary = #expect(throws: SpreadsheetError.self) {
                _ = try Workbook(
                    path: scratch.file("book.xlsx"), temporaryDirectory: disk.path, properties: properties)
            }
            #expect(temporary?.code == .cannotCreateTemporaryFile)
        }

        @Test func `a workbook that is given up leaves the file that stood there`() throws {
            let scratch = try Scratch()
            try Data("before".utf8).write(to: URL(fileURLWithPath: scratch.file("book.xlsx")))
            let before = try openFiles()
            do {
                let sheet = try scratch.workbook().addSheet("Sheet")
                try fill(sheet, rows: 1000)
            }
            #expect(try openFiles() == before)
            #expect(scratch.files == ["book.xlsx"])
            #expect(try String(contentsOfFile: scratch.file("book.xlsx"), encoding: .utf8) == "before")
        }

        private func close(
            _ path: String, temporaryDirectory: String, rows: Int
        ) throws -> SpreadsheetError? {
            let book = try Workbook(
                path: path, temporaryDirectory: temporaryDirectory,
                properties: WorkbookProperties(created: Scratch.created))
            try fill(book.addSheet("Sheet"), rows: rows)
            return #expect(throws: SpreadsheetError.self) { try book.close() }
        }

        /// Cells that do not compress well, 12 digits each, from the same seed every time.
        private func fill(_ sheet: Sheet, rows: Int) throws {
            var state: UInt64 = 88_172_645_463_325_252
            for row in 0..<rows {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                try sheet.write(row: row, column: 0, text: String(100_000_000_000 + state % 899_999_999_999))
            }
        }

        /// Bytes of so many rows as the library writes them.
        private func rowBytes(_ scratch: Scratch, rows: Int) throws -> Int {
            let book = try scratch.workbook("whole.xlsx")
            try fill(book.addSheet("Sheet"), rows: rows)
            try book.close()
            let xml = try scratch.part("xl/worksheets/sheet1.xml", of: "whole.xlsx")
            try FileManager.default.removeItem(atPath: scratch.file("whole.xlsx"))
            let data = try #require(xml.range(of: "<sheetData>"))
            let end = try #require(xml.range(of: "</sheetData>"))
            return xml.utf8.distance(from: data.upperBound, to: end.lowerBound)
        }

        private func withFileSizeLimit<Result>(_ bytes: Int, _ body: () throws -> Result) throws -> Result {
            var before = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before)
            signal(SIGXFSZ, SIG_IGN)
            var limited = before
            limited.rlim_cur = rlim_t(bytes)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limited)
            defer { setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before) }
            return try body()
        }

        private func openFiles() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        }
    }
}

extension SpreadsheetTests {
    @Suite struct DamageTests {
        @Test func `a whole file passes, and every way of cutting it is noticed`() throws {
            let scratch = try Scratch()
            let book = try scratch.workbook()
            let sheet = try book.addSheet("Sheet")
            for row in 0..<100 { try sheet.write(row: row, column: 0, integer: Int64(row)) }
            try book.close()
            let path = scratch.file("book.xlsx")
            let whole = ExpectedFile(sheetRowBytes: [2000], charts: 0, tables: 0)
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
            try ExpectedFile(sheetRowBytes: [0], charts: 0, tables: 0).check(path: path)
            for expected in [
                ExpectedFile(sheetRowBytes: [0, 0], charts: 0, tables: 0),
                ExpectedFile(sheetRowBytes: [100], charts: 0, tables: 0),
                ExpectedFile(sheetRowBytes: [0], charts: 1, tables: 0),
                ExpectedFile(sheetRowBytes: [0], charts: 0, tables: 1),
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
            try ExpectedFile(sheetRowBytes: [0, 0, 0, 0, 0], charts: 0, tables: 0).check(
                path: scratch.file("book.xlsx"))
        }
    }
}
