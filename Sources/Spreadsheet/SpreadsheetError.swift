/// Why a workbook, or a part of it, could not be written.
public struct SpreadsheetError: Error, Hashable, Sendable {
    /// The kind of failure.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// A sheet's name that the format forbids, or that is taken.
        case sheetName
        /// A defined name, or what it stands for, that the format forbids.
        case definedName
        /// A property of the document that the format cannot hold.
        case property
        /// A number format, a font or a size that the format cannot hold.
        case cellStyle
        /// A row or a column outside the sheet.
        case outOfRange
        /// A row that was written already: rows are written in order.
        case rowOrder
        /// A number that is not finite.
        case number
        /// A text that the format cannot hold where it was meant to stand.
        case text
        /// One link too many, or one that is too long.
        case link
        /// A chart without data, or one that is inserted twice.
        case chart
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
