import Documents
import Domain

/// A month's usage by day and by API key, for people: on the page and as sheets.
///
/// Each row is rounded to cents by itself, as each model's is, so that their sum may be a cent or two beside the total.
struct UseTables {
    /// A row's name, and what it was used for.
    typealias Line = (name: String, use: StatementUse)

    let layout: StatementTables
    let clock: LocalClock
    /// The keys that batches were made with, by batch.
    let keys: [String: String]
    /// What the keys are called, by their ids; never a key itself.
    let keyNames: [String: String]

    /// By the day on which each batch was settled, on the account's clock.
    func days() -> Table {
        let byDay = lines { settled in
            settled.batch.settledAt.map { String(clock.text($0).prefix(10)) } ?? ""
        }
        return table(
            "usage_by_day", "Usage by day", byDay + singles,
            note: "By the day on which a batch was settled. Amounts are rounded to cents, each by itself.",
            column: Column("day", .text, width: 24))
    }

    /// By the API key that made each batch; nothing where no key is known.
    func keysTable() -> Table {
        let unknown = "not recorded"
        // Names may be given twice: what counts is the key.
        let byKey = lines { keys[$0.batch.id] ?? "" }.map { line in
            let name = keyNames[line.name].map { "\($0) (\(line.name.prefix(8)))" } ?? String(line.name.prefix(8))
            return Line(line.name.isEmpty ? unknown : name, line.use)
        }
        let isKnown = layout.shares.contains { keys[$0.batch.id] != nil }
        return table(
            "usage_by_key", "Usage by API key", isKnown ? byKey + singles : [],
            note: isKnown
                ? "By the key with which a batch was made: its name, and the first digits of its id."
                : "With which key these batches were made is not written down in this database.",
            column: Column("api_key", .text, title: "API key", width: 44))
    }

    /// The batches by what a rule says of each.
    private func lines(_ rule: (StatementBook.Settled) -> String) -> [Line] {
        Dictionary(grouping: layout.shares, by: rule).sorted { $0.key < $1.key }.map { name, settled in
            (name, StatementUse(layout.book.batchUsage(of: settled), batches: Int64(settled.count)))
        }
    }

    /// Videos bought one by one have neither: a refund may be of a video of another month.
    private var singles: [Line] {
        let own = layout.lines.filter { $0.source == .single }
        return own.isEmpty ? [] : [("Single videos", StatementUse(own, batches: 0))]
    }

    private func table(_ name: String, _ title: String, _ lines: [Line], note: String, column: Column) -> Table {
        Table(
            name: name, title: title, note: note,
            columns: [
                column, Column("batches", .integer), Column("items", .integer, title: "Ordered"),
                Column("succeeded", .integer, title: "Delivered"), Column("credits_spent", .integer, title: "Credits"),
                Column("amount_usd", .usd, title: "Amount USD"),
            ],
            rows: (lines.count > 1 ? lines + [total] : lines).map { line in
                [
                    .text(line.name), .integer(line.use.batches), .integer(line.use.items),
                    .integer(line.use.succeeded), .integer(line.use.creditsSpent),
                    line.use.amount.map(Cell.dollars) ?? .empty,
                ]
            })
    }

    private var total: Line {
        (PageRows.total, StatementUse(layout.lines, batches: Int64(layout.shares.count)))
    }
}
