import Documents
import Domain
public import Postgres
import Schema

/// A month as double entry, for the general ledger: of one account or of everybody.
public struct JournalReport: Sendable {
    private let request: StatementRequest
    private let settings: ExportSettings
    private let accounts: JournalAccounts
    private let forms: Set<JournalForm>
    private let opens: Bool

    /// - Parameter opens: With each account's balances at the beginning of the month as its first booking.
    public init(
        _ request: StatementRequest, settings: ExportSettings, accounts: JournalAccounts, forms: Set<JournalForm>,
        opens: Bool
    ) {
        self.request = request
        self.settings = settings
        self.accounts = accounts
        self.forms = forms
        self.opens = opens
    }

    /// What the month of one account comes to, in dollars.
    private struct Totals: Encodable, Sendable {
        let subject: ExportSubject
        let deferredRevenueOpening: String
        let deferredRevenueClosing: String
        let frozenCreditsOpening: String
        let frozenCreditsClosing: String
        let purchases: String
        let deposits: String
        let revenue: String
        /// What the statement says: its lines in cents, added up.
        let statement: String
        let adjustments: String
        let unreconciled: String
        let transactions: Int
    }

    /// Writes the journal. It appears whole or not at all.
    public func run(
        _ connection: Connection, progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> ExportOutcome {
        let run = ExportRun(report: "journal", request: request, settings: settings)
        return try await run.run(connection) { books, outputs in
            var files = try JournalForm.allCases.filter(forms.contains).map { form in
                let sink = try outputs.sink(form.fileName)
                try sink.write(JournalWriting(accounts: accounts, form: form).head(request.month))
                return (writing: JournalWriting(accounts: accounts, form: form), sink: sink)
            }
            var totals: [Totals] = []
            var lines: [ExportOutcome.Line] = []
            var remarks: [String] = []
            try books.forEach(progress: progress) { book in
                let journal = AccountJournal(book)
                let transactions = journal.transactions(opens: opens)
                for index in files.indices {
                    try files[index].sink.append { bytes in
                        try files[index].writing.append(transactions, of: book, to: &bytes)
                    }
                }
                let own = Self.totals(book, transactions.filter { $0.kind != .opening })
                totals.append(own)
                lines.append(
                    ExportOutcome.Line(
                        account: book.slug, isFinal: book.subject.scope.isFinal,
                        figures: [
                            own.deferredRevenueOpening, own.purchases, own.revenue, own.deferredRevenueClosing,
                            own.frozenCreditsClosing,
                        ]))
                remarks += book.remarks
            }
            for (writing, sink) in files {
                outputs.add("\(outputs.baseName)/\(writing.form.fileName)", try sink.finish())
            }
            let columns = ["deferred, opening", "purchases", "revenue", "deferred, closing", "frozen, closing"]
            return (totals, ExportOutcome(columns: columns, lines: lines, remarks: remarks))
        }
    }

    private static func totals(_ book: MonthBooks.Book, _ booked: [JournalTransaction]) -> Totals {
        func debit(_ purpose: JournalAccounts.Purpose) -> Dollars { AccountJournal.sum(booked, purpose) }
        func credit(_ purpose: JournalAccounts.Purpose) -> String {
            Dollars(micros: -debit(purpose).micros).exactText
        }
        let statement = book.statement
        return Totals(
            subject: ExportSubject(book), deferredRevenueOpening: statement.openingCost.exactText,
            deferredRevenueClosing: statement.remainingCost.exactText,
            frozenCreditsOpening: AccountJournal(book).openingFrozen(booked).exactText,
            frozenCreditsClosing: statement.frozenCost.exactText, purchases: debit(.receivable).exactText,
            deposits: credit(.deposits), revenue: credit(.revenue),
            statement: book.statedAmount.exactText,
            adjustments: credit(.adjustments), unreconciled: credit(.unreconciled), transactions: booked.count)
    }
}

extension MonthBooks.Book {
    /// The amounts of the statement's usage added up, each in cents.
    var statedAmount: Dollars {
        Dollars(micros: statement.usage.compactMap(\.amount).reduce(0) { $0 + $1.micros })
    }

    /// What somebody who books or bills the month should know, in whole sentences.
    var remarks: [String] {
        var remarks: [String] = []
        let unpriced = lines.filter { line in
            let entry = line.posted.entry
            return entry.type == "purchase" && entry.price == nil && entry.credits > 0 && line.posted.standing == .none
        }
        for line in unpriced {
            let entry = line.posted.entry
            remarks.append(
                "\(slug): the purchase \(entry.id) has no price; it is valued at list, "
                    + "\(GroupedNumber.text(PriceList.price(ofCredits: entry.credits))).")
        }
        for usage in statement.usage where usage.exactAmount == nil && usage.succeeded != 0 {
            remarks.append(
                "\(slug): \(usage.succeeded) videos of \(usage.model.isEmpty ? "no model" : usage.model) have no price "
                    + "and cost nothing here.")
        }
        let differences = statement.summary.differencesText
        if !differences.isEmpty { remarks.append("\(slug) is not whole: \(differences).") }
        return remarks
    }
}
