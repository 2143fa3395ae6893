extension PostgresError {
    /// A field that could not be read as what was asked.
    init(_ fault: CellFault, column: ColumnDescription, asked: String) {
        let sentence =
            switch fault {
            case .null:
                "Column \"\(column.name)\" (\(column.type)) is null where \(asked) is needed."
            case .wrongType:
                "Column \"\(column.name)\" is of type \(column.type), which does not read as \(asked)."
            case .malformed:
                "Column \"\(column.name)\" (\(column.type)) holds bytes that are not \(asked)."
            case .outOfRange:
                "Column \"\(column.name)\" (\(column.type)) holds a value that does not fit \(asked)."
            }
        self.init(.decoding, sentence, column: column.name)
    }
}
