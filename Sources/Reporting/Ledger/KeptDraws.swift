import Domain

/// Where credits came from as the closed months state it, and as the ledger of today would have it: they differ where
/// rows came after their month was closed.
struct KeptDraws {
    let closed: ClosedRows
    /// Every row counted when the statements count it.
    let stated: CostBook
    /// Every row counted at its own instant.
    let today: CostBook

    /// The closed months in which entries stand, as a term and its value; nothing where none of them does.
    func facts(_ entries: [StatementEntry]) -> [[String]] {
        let months = months(entries)
        guard !months.isEmpty else { return [] }
        return [["stands in", "closed \(months.joined(separator: ", ")), whose draws stay as they were closed"]]
    }

    /// The draws; where a closed month has them and today's ledger would give others, both, each under its title.
    func tables(
        name: String, title: String, of entries: [StatementEntry], _ draws: (CostBook) -> [CostBook.Origin]
    ) -> [Table] {
        func table(_ name: String, _ title: String, _ origins: [CostBook.Origin]) -> Table {
            Table(
                name: name, title: title, note: "", columns: BatchStory.originColumns,
                rows: origins.map(BatchStory.cells))
        }
        let (kept, now) = (draws(stated), draws(today))
        guard kept != now, !months(entries).isEmpty else { return [table(name, title, kept)] }
        return [
            table(name, title + " (as the closed months state it)", kept),
            table(name + "_today", "The same by the ledger of today, with what came after the close", now),
        ]
    }

    private func months(_ entries: [StatementEntry]) -> [String] {
        Set(entries.compactMap { closed.month(of: $0) }).map(\.description).sorted()
    }
}
