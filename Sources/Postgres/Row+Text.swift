extension Row {
    /// The text of a `json` or `jsonb`.
    public func json(_ column: some ColumnReference) throws -> String {
        try decode(column, as: JSONText.self).text
    }

    /// The text of a `json` or `jsonb`; nil for null.
    public func optionalJson(_ column: some ColumnReference) throws -> String? {
        try decodeIfPresent(column, as: JSONText.self)?.text
    }

    /// Any supported value as PostgreSQL's text output has it, an instant as its description; nil for null.
    public func string(_ column: some ColumnReference) throws -> String? {
        try read(column, asked: "text") { (cell: Cell) throws(CellFault) in try cell.string() }
    }

    /// Any supported value as the parameter that would send it again.
    public func value(_ column: some ColumnReference) throws -> Value {
        try read(column, asked: "a value") { (cell: Cell) throws(CellFault) in try cell.value() }
    }

    /// The bytes of a `bytea`; nil for null.
    public func optionalBytes(_ column: some ColumnReference) throws -> [UInt8]? {
        try read(column, asked: "bytes") { (cell: Cell) throws(CellFault) in
            guard cell.type == .bytea else { throw .wrongType }
            return cell.isNull ? nil : Array(cell.bytes)
        }
    }
}
