import CXlsxWriter
import Glibc

extension Workbook {
    /// Completes the output. The workbook and its sheets cannot be used afterwards.
    ///
    /// Throws where anything is missing from the file, which is removed then.
    /// The bytes are in the hands of the system; whoever renames the file into place syncs it first.
    ///
    /// Precondition: the workbook was not closed before.
    public func close() throws(SpreadsheetError) {
        _ = open
        var rowBytes: [Int64] = []
        do throws(SpreadsheetError) {
            rowBytes = try finishRows()
            try checkRoom(rowBytes)
        } catch {
            abandon()
            throw error
        }
        let expected = ExpectedFile(sheetRowBytes: rowBytes, charts: insertedCharts, tables: tableNames.count)
        errno = 0
        let status = workbook_close(take())
        let systemError = errno
        do throws(SpreadsheetError) {
            guard status == LXW_NO_ERROR else {
                throw SpreadsheetError(
                    closing: status, path: path, temporaryDirectory: temporaryDirectory, systemError: systemError)
            }
            try expected.check(path: path)
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Frees everything and writes nothing; the file at the path stays as it was.
    func abandon() {
        guard let handle = take() else { return }
        for sheet in sheets {
            // The library closes these only when it completes a file.
            if let file = sheet.worksheet.pointee.optimize_tmpfile { fclose(file) }
            sheet.worksheet.pointee.optimize_tmpfile = nil
        }
        lxw_workbook_free(handle)
    }

    /// Writes out the last row of every sheet and returns the bytes that each sheet's rows take.
    ///
    /// The library ignores the results of its writes, so that a full disk shows
    /// only in the stream's error flag.
    private func finishRows() throws(SpreadsheetError) -> [Int64] {
        guard !sheets.isEmpty else { throw SpreadsheetError(.sheetName, "A workbook needs at least one sheet.") }
        var rowBytes: [Int64] = []
        for sheet in sheets {
            lxw_worksheet_write_single_row(sheet.worksheet)
            guard let file = sheet.worksheet.pointee.optimize_tmpfile else { throw .outOfMemory }
            errno = 0
            let isFlushed = fflush(file) == 0
            let systemError = errno
            let position = ftello(file)
            guard isFlushed, ferror(file) == 0, position >= 0 else {
                let reason = systemError == 0 ? "" : ": " + SpreadsheetError.reason(systemError)
                throw SpreadsheetError(
                    .diskFull,
                    "The rows of \"\(sheet.name)\" did not fit in \(temporaryDirectory)\(reason); make room there.")
            }
            guard position < SpreadsheetLimits.sheetBytes else {
                throw SpreadsheetError(.tooLarge, "The sheet \"\(sheet.name)\" is larger than 4 GiB; split it.")
            }
            rowBytes.append(Int64(position))
        }
        return rowBytes
    }

    /// Throws where the disks have no room for completing the file.
    ///
    /// A sheet is copied once more among the temporary files, one sheet at a
    /// time, and its first copy goes when the second is complete. What the
    /// output takes is known only afterwards; at best it is a small part of the rows.
    private func checkRoom(_ rowBytes: [Int64]) throws(SpreadsheetError) {
        let largest = rowBytes.max() ?? 0
        let sum = rowBytes.reduce(0, +)
        try OutputPlace.checkRoom(in: temporaryDirectory, bytes: largest + Self.roomBesideRows)
        try OutputPlace.checkRoom(in: OutputPlace.directory(of: path), bytes: sum / Self.bestCompression)
    }

    /// Bytes for the temporary files that hold no rows: heads of sheets, styles, charts.
    private static let roomBesideRows: Int64 = 524_288
    /// How many times smaller than its rows an output is at most expected to be.
    private static let bestCompression: Int64 = 64
}
