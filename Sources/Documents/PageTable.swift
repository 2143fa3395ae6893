import Domain

/// A table as a page shows it: preformatted text only.
package struct PageTable: Sendable {
    package struct Column: Sendable {
        package let title: String
        /// A CSS class: `n` for numbers, else empty.
        package let style: String
    }

    package struct Cell: Sendable {
        package let text: String
        /// CSS classes: `n` for numbers, `v-…` for verdicts.
        package let style: String
        /// True for the first cell, which names its row.
        package let isHeading: Bool
    }

    package struct Row: Sendable {
        /// What a link names it by: one, or none.
        package let anchors: [String]
        package let cells: [Cell]
    }

    package let anchor: String
    package let title: String
    package let note: String
    package let columns: [Column]
    package let rows: [Row]
    package let isEmpty: Bool
    /// A sentence about rows that are not shown; empty where all are.
    package let remainder: String

    /// The first rows of a table, at most ``Limits/pageRows``, and how many are missing.
    ///
    /// - Parameters:
    ///   - linksRows: True where links may name its rows, by ``anchor(of:row:)``.
    ///   - remainder: The sentence about rows that are not shown, where it is not the usual one.
    package init(
        _ table: Table, totalRows: Int? = nil, limit: Int = Limits.pageRows, linksRows: Bool = false,
        remainder: String? = nil
    ) {
        anchor = Self.anchor(of: table)
        title = table.title
        note = table.note
        columns = table.columns.map { Column(title: $0.title, style: $0.kind.isNumeric ? "n" : "") }
        rows = table.rows.prefix(limit).enumerated().map { number, row in
            Row(
                anchors: linksRows ? [Self.anchor(of: table, row: number)] : [],
                cells: zip(table.columns, row).enumerated().map { index, pair in
                    Cell(
                        text: pair.0.kind.isNumeric ? GroupedNumber.grouping(pair.1.pageText) : pair.1.pageText,
                        style: Self.style(pair.0, pair.1), isHeading: index == 0)
                })
        }
        isEmpty = table.rows.isEmpty
        let hidden = (totalRows ?? table.rows.count) - rows.count
        self.remainder =
            remainder
            ?? (hidden > 0
                ? "\(GroupedNumber.text(Int64(hidden))) more rows are in \(table.name).csv and on the sheet "
                    + "\(table.title)." : "")
    }

    private static func anchor(of table: Table) -> String { table.name.replacing("_", with: "-") }

    /// The name of a row, from 0, for links.
    package static func anchor(of table: Table, row: Int) -> String { "\(anchor(of: table))-\(row + 1)" }

    private static func style(_ column: Documents.Column, _ cell: Documents.Cell) -> String {
        guard column.id == "verdict" else {
            return column.kind.isNumeric ? "n" : column.kind == .identifier ? "id" : ""
        }
        // What may still change has no colour of what is broken: words say how it stands.
        if case .remarked(_, _, isOpen: true) = cell { return "v v-open" }
        return style(verdict: cell.plainText)
    }

    /// The CSS class of a verdict: `v v-not-applicable`.
    package static func style(verdict: String) -> String { "v v-" + verdict.replacing(" ", with: "-") }
}
