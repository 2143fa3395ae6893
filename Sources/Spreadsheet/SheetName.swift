/// The rules for the name of a sheet.
enum SheetName {
    /// Throws for a name that a spreadsheet would refuse or repair.
    static func check(_ name: String) throws(SpreadsheetError) {
        guard !name.isEmpty else { throw SpreadsheetError(.sheetName, "A sheet needs a name.") }
        guard name.utf16.count <= SpreadsheetLimits.sheetNameLength else {
            throw SpreadsheetError(
                .sheetName,
                "The sheet name \"\(name)\" is longer than \(SpreadsheetLimits.sheetNameLength) characters.")
        }
        guard !name.unicodeScalars.contains(where: { forbidden.contains($0) }) else {
            throw SpreadsheetError(.sheetName, "The sheet name \"\(name)\" holds one of [ ] : * ? / \\.")
        }
        guard name.unicodeScalars.first != "'", name.unicodeScalars.last != "'" else {
            throw SpreadsheetError(.sheetName, "The sheet name \"\(name)\" starts or ends with an apostrophe.")
        }
        guard name.lowercased() != "history" else {
            throw SpreadsheetError(.sheetName, "The sheet name \"\(name)\" is reserved by spreadsheets.")
        }
        try PlainText.check(name, .sheetName, "The sheet name")
    }

    /// The name as it stands in a formula, always in apostrophes.
    static func quoted(_ name: String) -> String {
        var quoted = "'"
        for scalar in name.unicodeScalars {
            if scalar == "'" { quoted.unicodeScalars.append("'") }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "'"
    }

    private static let forbidden: Set<Unicode.Scalar> = ["[", "]", ":", "*", "?", "/", "\\"]
}
