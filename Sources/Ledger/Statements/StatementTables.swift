import Documents
import Domain
import Schema

/// Lays one statement out as its tables, with the columns of the contract.
struct StatementTables {
    let book: StatementBook
    let packages: StatementPackages
    let serviceCredits: StatementServiceCredits
    /// Usage by source and model.
    let lines: [StatementUsage]
    /// The batches settled in the month, with what each of their models cost.
    let shares: [StatementBook.Settled]
    private var settled: [StatementBatch] { shares.map(\.batch) }

    init(
        book: StatementBook, packages: StatementPackages = StatementPackages(),
        serviceCredits: StatementServiceCredits = StatementServiceCredits()
    ) {
        self.book = book
        self.packages = packages
        self.serviceCredits = serviceCredits
        shares = book.settled
        lines = book.usage(of: shares)
    }

    /// What every row of a statement's CSV files begins with: whose it is, and of which month. Sheets and pages say so
    /// once.
    static func leading(_ slug: String, _ month: Month) -> [(column: Column, cell: Cell)] {
        [(Column("account", .text), .text(slug)), (Column("month", .text), .text(month.description))]
    }

    /// The names of those columns.
    static let leadingColumns = ["account", "month"]

    /// The columns of `entries.csv` after those, whose rows are streamed.
    static let entryColumns = [
        Column("entry_id", .identifier, width: 20), Column("posted_at", .instant, width: 34),
        Column("type", .text, width: 13), Column("model", .text, width: 11), Column("bucket", .text, width: 12),
        Column("credits", .integer, width: 12), Column("balance", .integer, width: 14),
        Column("reference_type", .text, width: 16), Column("reference_id", .identifier, width: 38),
        Column("description", .text, width: 52),
    ]

    /// The summary, usage, packages, batches, open batches and differences; service credits where there are any.
    func all() -> [Table] {
        [summary(), usage()] + (serviceCredits.rows.isEmpty ? [] : [serviceCredits.table()])
            + [packages.table(), batches(), openBatches(), differences()]
    }

    func summary() -> Table {
        Table(
            name: "summary", title: "Summary",
            note: "From the opening to the closing balance, and below what proves it.",
            columns: [Column("line", .text, width: 30), Column("credits", .integer, width: 16)],
            rows: StatementLine.allCases.map { [.text($0.rawValue), .optional(book.summary[$0])] })
    }

    func usage() -> Table {
        Table(
            name: "usage", title: "Usage",
            note: book.plan == .prepaid
                ? "Batches settled in the month and single videos, by model. Amounts are what the spent credits cost: "
                    + "purchases first in, first out."
                : "Batches settled in the month and single videos, by model. Amounts are succeeded ones at list price.",
            columns: [
                Column("source", .text), Column("model", .text), Column("batches", .integer), Column("items", .integer),
                Column("succeeded", .integer), Column("failed", .integer), Column("credits_frozen", .integer),
                Column("credits_refunded", .integer), Column("credits_spent", .integer),
                Column("unit_price_usd", .usd, title: "Unit price USD"),
                Column("amount_usd", .usd, title: "Amount USD"),
            ],
            rows: lines.map { line in
                [
                    .text(line.source.rawValue), .text(line.model), .integer(line.batches), .integer(line.items),
                    .integer(line.succeeded),
                    .integer(line.failed), .integer(line.creditsFrozen), .integer(line.creditsRefunded),
                    .integer(line.creditsSpent), line.unitPrice.map(Cell.dollars) ?? .empty,
                    line.amount.map(Cell.dollars) ?? .empty,
                ]
            })
    }

    /// The usage for people, with a last row that adds it up; the CSV file is to be added up by whoever reads it.
    func usageWithTotal() -> Table {
        var table = usage()
        guard !lines.isEmpty else { return table }
        func sum(_ value: (StatementUsage) -> Int64) -> Int64 { lines.reduce(0) { $0 + value($1) } }
        let amounts = lines.compactMap(\.amount)
        table.rows.append([
            .text(amounts.count < lines.count ? "Total of what has an amount" : "Total"), .empty,
            .integer(sum(\.batches)),
            .integer(sum(\.items)), .integer(sum(\.succeeded)), .integer(sum(\.failed)),
            .integer(sum(\.creditsFrozen)), .integer(sum(\.creditsRefunded)), .integer(sum(\.creditsSpent)), .empty,
            amounts.isEmpty ? .empty : .dollars(Dollars(micros: amounts.reduce(0) { $0 + $1.micros })),
        ])
        return table
    }

    func batches() -> Table {
        Table(
            name: "batches", title: "Batches",
            note: "Batches settled in the month. Difference is frozen less refunded less spent: 0 in whole books.",
            columns: Self.batchColumns,
            rows: settled.map { batch in
                let spent = batch.delivered
                return Self.leading(batch, settledAt: batch.settledAt, status: batch.status) + [
                    .integer(batch.items), .integer(batch.succeeded), .integer(batch.failed), .integer(batch.frozen),
                    .integer(spent), .integer(batch.refunded), .integer(batch.frozen - batch.refunded - spent),
                ]
            })
    }

    func openBatches() -> Table {
        Table(
            name: "open_batches", title: "Open batches",
            note: "Batches that held credit at the end of the month, as they were then. Difference is what they held.",
            columns: Self.batchColumns,
            rows: book.openBatches.map { batch in
                let held = batch.heldBefore(book.period.end, isEnd: true)
                // Whatever it became afterwards, at the end of the month it was not settled.
                let status = batch.settledAt == nil && ["queued", "processing"].contains(batch.status)
                return Self.leading(batch, settledAt: nil, status: status ? batch.status : "processing") + [
                    .integer(batch.items), .integer(batch.parts.reduce(0) { $0 + $1.succeededByEnd }),
                    .integer(batch.parts.reduce(0) { $0 + $1.failedByEnd }),
                    .integer(held + batch.refundedByEnd), .integer(0), .integer(batch.refundedByEnd),
                    .integer(held),
                ]
            })
    }

    func differences() -> Table {
        Table(
            name: "differences", title: "Differences",
            note: "What is to blame for credits that are not reconciled, not booked or not explained.",
            columns: [
                Column("line", .text), Column("reference", .identifier, width: 40), Column("credits", .integer),
                Column("detail", .text, width: 80),
            ],
            rows: differenceRows())
    }

    private static let batchColumns = [
        Column("batch_id", .identifier, width: 38), Column("request_id", .text, width: 22),
        Column("created_at", .instant, width: 34), Column("settled_at", .instant, width: 34),
        Column("status", .text, width: 12), Column("items", .integer), Column("succeeded", .integer),
        Column("failed", .integer), Column("frozen", .integer), Column("spent", .integer),
        Column("refunded", .integer), Column("difference", .integer),
    ]

    private static func leading(_ batch: StatementBatch, settledAt: Instant?, status: String) -> [Cell] {
        [
            .text(batch.id), .text(batch.requestID), batch.createdAt.map(Cell.instant) ?? .empty,
            settledAt.map(Cell.instant) ?? .empty, .text(status),
        ]
    }

    private func differenceRows() -> [[Cell]] {
        let differences = book.differences
        let batches = differences.isEmpty ? [:] : Dictionary(settled.map { ($0.id, $0) }) { first, _ in first }
        var rows: [[Cell]] = differences.map { reference, credits in
            let detail =
                batches[reference].map {
                    "frozen \($0.frozen), delivered \($0.delivered), refunded \($0.refunded) by the end of the month"
                } ?? (reference.hasPrefix("entry ") ? "no batch of this account belongs to it" : "see its entries")
            return [.text("unreconciled"), .text(reference), .integer(credits), .text(detail)]
        }
        if let expired = book.summary.expiredUnbooked, expired != 0 {
            rows.append([
                .text("expired_unbooked"), .text("wallet"), .integer(expired),
                .text("bonus credits that have expired and that no row of the ledger took out"),
            ])
        }
        if let unexplained = book.summary.unexplained, unexplained != 0 {
            rows.append([
                .text("unexplained"), .text("wallet"), .integer(unexplained),
                .text("the wallet holds \(unexplained > 0 ? "more" : "less") than the rows of the ledger add up to"),
            ])
        }
        rows += book.unpricedPurchases.map { purchase in
            [
                .text("purchase_without_price"), .text("entry \(purchase.id)"), .integer(purchase.credits),
                .text("valued at list: \(PriceList.price(ofCredits: purchase.credits)) USD"),
            ]
        }
        if book.estimatedSettlements > 0 {
            rows.append([
                .text("settlement_instant_estimated"), .text(""), .empty,
                .text(
                    "\(book.estimatedSettlements) batches settled in the month do not say when: taken from "
                        + "what Daybook captured, else the first refund, else the last task's end"),
            ])
        }
        if book.uncoveredCredits > 0 {
            rows.append([
                .text("not_purchased"), .text(""), .integer(book.uncoveredCredits),
                .text("credits spent, ever, that no purchase or grant covers: they have no cost"),
            ])
        }
        return rows
    }
}
