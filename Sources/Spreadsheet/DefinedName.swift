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
