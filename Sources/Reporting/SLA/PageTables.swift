import Documents
import Domain

/// The tables of a report as its page shows them: in words, with the customers' names and local time, and without
/// columns that say nothing. The files beside it have the exact values.
struct PageTables {
    let words: PromiseWords

    private var scope: SLAScope { words.scope }

    /// A table for the page. Its rows can be linked to.
    func table(_ table: Table) -> PageTable {
        let isOneCustomers = scope.onlyAccount != nil
        let shown = table.columns.indices.filter { index in
            if table.columns[index].id == "account", isOneCustomers { return false }
            return table.rows.isEmpty || table.rows.contains { !text($0[index], in: table.columns[index]).isBlank }
        }
        let columns = shown.map { index in
            let column = table.columns[index]
            return column.id == "account" ? Column(column.id, column.kind, title: "Customer") : column
        }
        let rows = table.rows.map { row in
            let row = table.name == "exceptions" ? Self.exceptionInWords(row) : row
            return shown.map { text(row[$0], in: table.columns[$0]) }
        }
        return PageTable(
            Table(name: table.name, title: table.title, note: table.note, columns: columns, rows: rows),
            linksRows: true)
    }

    private func text(_ cell: Cell, in column: Column) -> Cell {
        switch (column.id, cell) {
        case ("account", .text(let account)): .text(words.customer(account))
        case ("promise", .text(let name)): .text(Promise.Name(rawValue: name)?.title ?? name)
        case (_, .instant(let instant)): .text(scope.clock.text(instant))
        default: cell
        }
    }

    /// What is only a number in the file says what it counts.
    private static func exceptionInWords(_ row: [Cell]) -> [Cell] {
        guard let counted = counts[row[0].plainText], let count = Int64(row[3].plainText) else { return row }
        return row.prefix(3) + [.text("\(GroupedNumber.text(count)) \(counted)")]
    }

    private static let counts = [
        "terminal_instant_estimated": "tasks that ended without an instant of their own: that of their last change is "
            + "taken",
        "terminal_instant_missing": "tasks that ended at an instant which nobody knows: they count as open",
        "undated_task": "tasks without an instant at which they were made: they belong to no month",
        "settlement_instant_estimated": "settled batches without an instant of their own: that of their first refund, "
            + "or of the end of their last task, is taken",
        "model_missing": "tasks that name no model: the contract's standard one is taken",
        "task_without_batch": "tasks whose batch does not exist: they are not judged",
        "owner_without_account": "owners without an account: they stand under (none)",
    ]

    /// Where a row of a table is on the page; empty where the page does not show it.
    static func link(to table: Table, where isMeant: ([Cell]) -> Bool) -> String {
        guard let row = table.rows.firstIndex(where: isMeant), row < Limits.pageRows else { return "" }
        return "#" + PageTable.anchor(of: table, row: row)
    }
}

extension Cell {
    fileprivate var isBlank: Bool { pageText.isEmpty }
}
