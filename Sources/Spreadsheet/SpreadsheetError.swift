import CXlsxWriter
import Glibc

/// Why a workbook, or a part of it, could not be written.
public struct SpreadsheetError: Error, Hashable, Sendable {
    /// The kind of failure.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// A sheet's name that the format forbids, or that is taken.
        case sheetName
        /// A property of the document that the format cannot hold.
        case property
        /// A number format, an indent or a size that the format cannot hold.
        case cellStyle
        /// A row or a column outside the sheet.
        case outOfRange
        /// A row that was written already: rows are written in order.
        case rowOrder
        /// A number that is not finite.
        case number
        /// A text that the format cannot hold where it was meant to stand.
        case text
        /// A chart without data, or one that is inserted twice.
        case chart
        /// A table without rows, or with headers that it cannot have.
        case table
        /// The output, or its directory, cannot be written.
        case cannotCreateFile
        /// The directory for temporary files cannot be written.
        case cannotCreateTemporaryFile
        /// There is no room for the temporary files or for the output.
        case diskFull
        /// A sheet, or the whole workbook, beyond the 4 GiB of the container.
        case tooLarge
        /// The file came out incomplete.
        case incomplete
        /// There is no memory left.
        case outOfMemory
        /// Anything else that the library reports.
        case library
    }

    /// The kind of failure.
    public let code: Code
    /// One sentence that says what is wrong and, where it can, what to do.
    public let sentence: String

    init(_ code: Code, _ sentence: String) {
        self.code = code
        self.sentence = sentence
    }
}

extension SpreadsheetError: CustomStringConvertible {
    public var description: String { sentence }
}

extension SpreadsheetError {
    /// Throws unless the library reports success for a part of a workbook.
    static func check(_ status: lxw_error, _ part: @autoclosure () -> String) throws(SpreadsheetError) {
        guard status == LXW_NO_ERROR else { throw SpreadsheetError(library: status, part: part()) }
    }

    /// What the library reports for a part of a workbook.
    init(library status: lxw_error, part: String) {
        switch status {
        case LXW_ERROR_MEMORY_MALLOC_FAILED:
            self = .outOfMemory
        case LXW_ERROR_WORKSHEET_INDEX_OUT_OF_RANGE:
            self.init(.outOfRange, "\(part) lies outside the sheet.")
        default:
            self.init(.library, "\(part) could not be written: \(String(cString: lxw_strerror(status)))")
        }
    }

    /// What the library reports when it closes a workbook, with the system's reason where there is one.
    init(closing status: lxw_error, path: String, temporaryDirectory: String, systemError: Int32) {
        let reason = systemError == 0 ? "" : ": " + Self.reason(systemError)
        switch status {
        case _ where systemError == ENOSPC || systemError == EDQUOT || systemError == EFBIG:
            self.init(.diskFull, "There is no room for \(path)\(reason); make room and run it again.")
        case LXW_ERROR_MEMORY_MALLOC_FAILED:
            self = .outOfMemory
        case LXW_ERROR_CREATING_XLSX_FILE:
            self.init(.cannotCreateFile, "\(path) cannot be created\(reason).")
        case LXW_ERROR_CREATING_TMPFILE, LXW_ERROR_READING_TMPFILE:
            self.init(
                .cannotCreateTemporaryFile,
                "A temporary file cannot be used in \(temporaryDirectory)\(reason).")
        case LXW_ERROR_ZIP_BAD_ZIP_FILE:
            self.init(.tooLarge, "\(path) does not fit in the 4 GiB of a workbook; split the report.")
        default:
            self.init(
                .incomplete,
                "\(path) could not be completed\(reason) (\(String(cString: lxw_strerror(status)))).")
        }
    }

    /// The system's own words for an error number.
    static func reason(_ systemError: Int32) -> String {
        String(cString: strerror(systemError))
    }

    /// There is no memory left.
    static let outOfMemory = SpreadsheetError(.outOfMemory, "There is no memory left to write the workbook.")
}
