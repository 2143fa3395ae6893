import Foundation
import Spreadsheet
import Testing

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
