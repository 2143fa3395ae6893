import Documents
import Domain
import Postgres

/// Everything that happened to the credits of one batch.
struct BatchStory {
    let id: String
    let owner: String
    let entries: [StatementEntry]
    let draws: KeptDraws
    /// Nil where no batch has that id.
    let batch: Row?
    let tasks: [Row]
    /// The task that was asked for.
    let asked: String?

    static let originColumns = [
        Column("batch", .identifier), Column("paid by entry", .identifier), Column("model", .text),
        Column("credits", .integer), Column("cost USD", .usd), Column("returned", .integer),
        Column("returned cost USD", .usd),
    ]

    static func cells(_ origin: CostBook.Origin) -> [Cell] {
        [
            .text(origin.batch), origin.entry.map { .text(String($0)) } ?? .text("no purchase or grant"),
            .text(origin.model), .integer(origin.credits), .dollars(origin.cost), .integer(origin.returned),
            .dollars(origin.returnedCost),
        ]
    }

    func tables() throws -> [Table] {
        let own = entries.filter { $0.referenceID == id && ($0.isFreeze || $0.isRefund) }
        let books = [draws.stated, draws.today]
        let sources = Set(books.flatMap { $0.origins(ofBatch: id) }.compactMap(\.entry))
        let origins = draws.tables(
            name: "origins", title: "Where its credits came from, the last taken is the first to go back", of: own
        ) { $0.origins(ofBatch: id) }
        return [try facts(own)] + origins.filter { !$0.rows.isEmpty }
            + [
                Table(
                    name: "entries", title: "The entries behind it", note: "",
                    columns: [
                        Column("entry", .identifier), Column("posted at", .instant), Column("what", .text),
                        Column("bucket", .text), Column("credits", .integer),
                    ],
                    rows: entries.filter { sources.contains($0.id) || ($0.referenceID == id) }.map { entry in
                        [
                            .text(String(entry.id)), entry.postedAt.map(Cell.instant) ?? .empty,
                            .text(entry.description(model: entry.model)), .text(entry.bucket), .integer(entry.credits),
                        ]
                    }),
                try outcomes(), try task(),
            ].filter { !$0.rows.isEmpty }
    }

    private func facts(_ own: [StatementEntry]) throws -> Table {
        let frozen = -own.filter(\.isFreeze).reduce(0) { $0 + $1.credits }
        let refunded = own.filter(\.isRefund).reduce(0) { $0 + $1.credits }
        let spent = try tasks.reduce(Int64(0)) { try $0 + ($1.text("status") == "succeeded" ? $1.int("cost") : 0) }
        let isSettled = try batch?.optionalBool("is_settled") ?? false
        var rows: [(term: String, value: String)] = [("owner", owner), ("batch", id)]
        if let batch {
            rows += [
                ("request", try batch.text("request_id")),
                ("created at", try batch.optionalInstant("created_at")?.description ?? ""),
                ("status", "\(try batch.text("status")), settlement \(try batch.text("settlement"))"),
            ]
            if isSettled {
                let estimated = try batch.bool("is_estimated") ? ", estimated: the batch does not say it" : ""
                rows.append(("settled at", (try batch.optionalInstant("settled_at")?.description ?? "") + estimated))
            }
        } else {
            rows.append(("status", "no batch has this id"))
        }
        // What no batch can settle is not held: nobody will ever spend or return it.
        let held = batch == nil || isSettled ? 0 : frozen - refunded
        let delivered = isSettled ? spent : 0
        let unexplained = frozen - refunded - delivered - held
        let parts = "\(delivered) spent + \(refunded) refunded + \(held) held + \(unexplained) unexplained"
        rows.append(("frozen", "\(frozen) = \(parts)"))
        rows.append(("unexplained", String(unexplained)))
        rows += draws.facts(own)
        return Table(
            name: "batch", title: "Batch", note: "", columns: [Column("term", .text), Column("value", .text)],
            rows: rows.map { [.text($0.term), .text($0.value)] })
    }

    private func outcomes() throws -> Table {
        var groups: [[String]: (items: Int64, credits: Int64)] = [:]
        for task in tasks {
            let key = [try task.text("model"), try task.text("status"), try task.text("failure")]
            let cost = try task.int("cost")
            groups[key, default: (0, 0)].items += 1
            groups[key, default: (0, 0)].credits += cost
        }
        var table = Table(
            name: "tasks", title: "Its tasks", note: "",
            columns: [
                Column("model", .text), Column("status", .text), Column("failure", .text), Column("items", .integer),
                Column("credits", .integer),
            ],
            rows: groups.map { key, group in key.map(Cell.text) + [.integer(group.items), .integer(group.credits)] })
        table.sortRows()
        return table
    }

    private func task() throws -> Table {
        let rows = try tasks.filter { try $0.text("task_id") == asked }.map { task -> [Cell] in
            let hasSucceeded = try task.text("status") == "succeeded"
            return [
                .text(try task.text("task_id")), .text(try task.text("model")), .text(try task.text("status")),
                .integer(try task.int("cost")), try task.optionalInstant("ended_at").map(Cell.instant) ?? .empty,
                .text(hasSucceeded ? "spent" : "refunded when the batch settles"),
            ]
        }
        return Table(
            name: "task", title: "The task", note: "",
            columns: [
                Column("task", .identifier), Column("model", .text), Column("status", .text),
                Column("credits", .integer), Column("ended at", .instant), Column("its credits are", .text),
            ], rows: rows)
    }
}

/// Where credits came from as the closed months state it, and as the ledger of today would have it: they differ where
/// rows came after their month was closed.
struct KeptDraws {
    let closed: ClosedRows
    /// Every row counted when the statements count it.
    let stated: CostBook
    /// Every row counted at its own instant.
    let today: CostBook

    /// The closed months in which entries stand, as a term and its value; nothing where none of them does.
    func facts(_ entries: [StatementEntry]) -> [(term: String, value: String)] {
        let months = months(entries)
        guard !months.isEmpty else { return [] }
        return [("stands in", "closed \(months.joined(separator: ", ")), whose draws stay as they were closed")]
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
