extension RowView {
    /// The text of a `json` or `jsonb`.
    public func json(_ index: Int) throws -> String {
        try decode(index, as: JSONText.self).text
    }

    /// The text of a `json` or `jsonb`; nil for null.
    public func optionalJson(_ index: Int) throws -> String? {
        try decodeIfPresent(index, as: JSONText.self)?.text
    }

    /// Any supported value as PostgreSQL's text output has it, an instant as its description; nil for null.
    public func string(_ index: Int) throws -> String? {
        try read(index, asked: "text") { (cell: Cell) throws(CellFault) in try cell.string() }
    }

    /// The field as PostgreSQL prints it, whatever its type; nil for null.
    ///
    /// Precondition: the rows were asked for as ``RowFormat/text``.
    public func printed(_ index: Int) throws -> String? {
        precondition(isText(index), "only rows that were asked for as text are printed")
        return try read(index, asked: "text") { (cell: Cell) throws(CellFault) in
            guard !cell.isNull else { return nil }
            guard let text = String(validating: cell.bytes, as: UTF8.self) else { throw .malformed }
            return text
        }
    }

    /// Any supported value as the parameter that would send it again.
    public func value(_ index: Int) throws -> Value {
        try read(index, asked: "a value") { (cell: Cell) throws(CellFault) in try cell.value() }
    }

    /// Appends what ``string(_:)`` returns to a byte buffer; a null appends nothing.
    public func appendText(_ index: Int, to buffer: inout [UInt8]) throws {
        try read(index, asked: "text") { (cell: Cell) throws(CellFault) in try cell.appendText(to: &buffer) }
    }
}
