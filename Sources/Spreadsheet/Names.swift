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

/// The rules for a name that stands for cells.
enum DefinedName {
    /// Throws for a name that a spreadsheet would refuse: letters, digits, `_` and `.`, not starting with a
    /// digit or a point, and not the name of a cell (`A1`, `R1C1`).
    static func check(_ name: String) throws(SpreadsheetError) {
        guard let first = name.utf8.first, isLetter(first), name.utf8.allSatisfy({ isLetter($0) || isInner($0) }),
            name.utf8.count <= SpreadsheetLimits.definedNameBytes
        else {
            throw SpreadsheetError(
                .definedName, "\"\(name)\" is no name for cells: use letters, digits, _ and a letter first.")
        }
        guard !isCell(name), !isRowColumn(name) else {
            throw SpreadsheetError(.definedName, "\"\(name)\" is the name of a cell; choose another.")
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static func isInner(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: ".")
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// One to three letters and then digits only.
    private static func isCell(_ name: String) -> Bool {
        let letters = name.utf8.prefix { isLetter($0) && $0 != UInt8(ascii: "_") }
        let rest = name.utf8.dropFirst(letters.count)
        return (1...3).contains(letters.count) && !rest.isEmpty && rest.allSatisfy(isDigit)
    }

    /// `R`, `C`, and both with numbers, in either case.
    private static func isRowColumn(_ name: String) -> Bool {
        let letters = name.uppercased().utf8.filter { !isDigit($0) }
        return [Array("R".utf8), Array("C".utf8), Array("RC".utf8)].contains(letters)
            && (name.uppercased().hasPrefix("R") || letters == Array("C".utf8))
    }
}

/// Text outside cells (names, titles, properties), which has no escapes: it is refused where XML cannot hold it.
enum PlainText {
    /// Throws for a control character and for U+FFFE and U+FFFF; TAB, LF and CR are control characters here.
    static func check(
        _ text: String, _ code: SpreadsheetError.Code, _ part: @autoclosure () -> String
    ) throws(SpreadsheetError) {
        for scalar in text.unicodeScalars {
            guard scalar.value >= 0x20, scalar.value != 0xFFFE, scalar.value != 0xFFFF else {
                throw SpreadsheetError(code, "\(part()) holds a control character.")
            }
        }
    }
}
