import Reporting

/// A report's table on a terminal.
extension Table {
    /// Its columns by the names that files give them, numbers at the right.
    var text: TextTable {
        let numeric = Set(columns.indices.filter { columns[$0].kind.isNumeric })
        var text = TextTable(columns.map(\.id), rightAligned: numeric)
        for row in rows { text.add(row.map(\.plainText)) }
        return text
    }

    /// Without the columns in which no row has anything.
    var withoutEmptyColumns: Table {
        let kept = columns.indices.filter { column in rows.isEmpty || rows.contains { !$0[column].plainText.isEmpty } }
        return Table(
            name: name, title: title, note: note, columns: kept.map { columns[$0] },
            rows: rows.map { row in kept.map { row[$0] } })
    }

    func show() { text.show() }
}
