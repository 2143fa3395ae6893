import Documents
import Domain

/// A table whose rows are written as HTML without the template engine, which takes its time for every cell: a statement
/// may list thousands of batches. The engine renders its head and leaves a mark where the rows go.
struct PageRows: Sendable {
    let table: PageTable
    let isEmpty: Bool
    /// Private-use scalars around the table's name, so that no escaping meets them.
    let mark: String
    let html: [UInt8]

    /// - Parameters:
    ///   - clock: Instants are shown as it shows them to people. Whole numbers are grouped.
    ///   - column: The id of a column that the page has no room for.
    init(_ table: Table, limit: Int, clock: LocalClock, hiding column: String? = nil) {
        let hidden = table.columns.firstIndex { $0.id == column }
        let columns = table.columns.filter { $0.id != column }
        let head = Table(name: table.name, title: table.title, note: table.note, columns: columns)
        self.table = PageTable(head, totalRows: max(table.rows.count - limit, 0))
        isEmpty = table.rows.isEmpty
        mark = Self.mark(table.name)
        var bytes: [UInt8] = []
        let tags = table.columns.enumerated().map { index, column in
            // An instant and a state stay in one piece, an id is broken where it has to be.
            let isWord = column.kind == .instant || column.id == "status"
            let style = column.kind.isNumeric ? "n" : column.kind == .identifier ? "id" : isWord ? "t" : ""
            let (tag, scope) = index == 0 ? ("th", " scope=\"row\"") : ("td", "")
            let name = style.isEmpty ? "" : " class=\"\(style)\""
            return (open: Array("<\(tag)\(scope)\(name)>".utf8), close: Array("</\(tag)>".utf8))
        }
        for row in table.rows.prefix(limit) {
            bytes.append(contentsOf: (Self.isTotal(row) ? "<tr class=\"total\">" : "<tr>").utf8)
            for (index, cell) in row.enumerated() where index != hidden {
                bytes.append(contentsOf: tags[index].open)
                switch cell {
                case .integer(let number): GroupedNumber.append(number, to: &bytes)
                case .instant(let instant): clock.appendShort(instant, to: &bytes)
                case .dollars(let amount) where table.columns[index].id == "amount_usd":
                    bytes.append(contentsOf: GroupedNumber.text(amount).drop { $0 == "$" }.utf8)
                default: ScalarEscaping.appendWords(cell.plainText, to: &bytes)
                }
                bytes.append(contentsOf: tags[index].close)
            }
            bytes.append(contentsOf: "</tr>\n".utf8)
        }
        html = bytes
    }

    /// A row that people read as the sum of those above it.
    static let total = "Total"

    private static func isTotal(_ row: [Cell]) -> Bool {
        guard case .text(let text)? = row.first else { return false }
        return text == total || text.hasPrefix(total + " of ")
    }

    static func mark(_ name: String) -> String { "\u{E000}\(name)\u{E001}" }

    /// Puts rows in the places that the engine left for them. A mark is looked for from the end: a customer's name
    /// comes before it.
    static func splice(_ parts: [(mark: String, html: [UInt8])], into page: String) -> [UInt8] {
        let head = Array(page.utf8)
        let places = parts.compactMap { part in
            let mark = Array(part.mark.utf8)
            return head.lastIndex(of: mark).map { (range: $0..<($0 + mark.count), html: part.html) }
        }.sorted { $0.range.lowerBound < $1.range.lowerBound }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(head.count + parts.reduce(0) { $0 + $1.html.count })
        var position = 0
        for place in places {
            bytes.append(contentsOf: head[position..<place.range.lowerBound])
            bytes.append(contentsOf: place.html)
            position = place.range.upperBound
        }
        bytes.append(contentsOf: head[position...])
        return bytes
    }
}

extension [UInt8] {
    /// Where a piece comes last; nil where it does not come.
    fileprivate func lastIndex(of piece: [UInt8]) -> Int? {
        guard let first = piece.first, count >= piece.count else { return nil }
        var start = count - piece.count
        while start >= 0 {
            if self[start] == first, self[start..<(start + piece.count)].elementsEqual(piece) { return start }
            start -= 1
        }
        return nil
    }
}
