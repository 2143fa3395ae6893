import Formats

/// The text of a JSON document.
struct JSONText: CellDecodable {
    let text: String

    static var askedName: String { "JSON" }

    static func decode(_ cell: Cell) throws(CellFault) -> JSONText {
        guard cell.type == .json || cell.type == .jsonb else { throw .wrongType }
        return JSONText(text: try String.decode(cell))
    }
}
