import Domain

/// One booking: at least two legs, which add up to nothing.
struct JournalTransaction {
    struct Leg {
        let purpose: JournalAccounts.Purpose
        /// Debit above nothing, credit below.
        let amount: Dollars
    }

    /// Why it is booked.
    enum Kind: String {
        case opening
        /// A row of the ledger.
        case entry
        /// The end of a batch: what it delivered is earned.
        case settlement
        /// Single videos on pay as you go, together.
        case singles
    }

    let kind: Kind
    let countsAt: Instant
    /// The same in every run: `entry-9007199254740499`.
    let id: String
    let description: String
    /// Credits that the row moved; of a settlement, what was delivered, below nothing.
    let credits: Int64
    let model: String
    let batch: String
    let legs: [Leg]

    /// An amount that goes from one account to another: credited there, debited here.
    static func legs(_ amount: Dollars, from: JournalAccounts.Purpose, to: JournalAccounts.Purpose) -> [Leg] {
        [Leg(purpose: to, amount: amount), Leg(purpose: from, amount: Dollars(micros: -amount.micros))]
    }
}

/// The double entry of one account's month.
///
/// Prepaid: a purchase becomes deferred revenue at its price. What a batch freezes leaves it at what those credits
/// cost, and waits as frozen credits; a refund goes back the same way; the end of the batch makes revenue of the rest.
/// So deferred revenue is at any moment what the unspent purchased credits cost, and revenue what the statement says.
/// Bonus credit costs nothing and is booked nowhere.
///
/// Pay as you go: what was delivered is revenue that is to be invoiced; what was paid in advance is a deposit.
struct AccountJournal {
    private let book: MonthBooks.Book

    init(_ book: MonthBooks.Book) {
        self.book = book
    }

    /// Everything that is booked, in order.
    ///
    /// - Parameter opens: With the balances at the beginning of the month as a first booking.
    func transactions(opens: Bool) -> [JournalTransaction] {
        let rows = book.lines.compactMap { book.isPrepaid ? prepaid($0) : payAsYouGo($0) }
        let booked = merged(rows, settlements())
        guard opens, let opening = opening(booked) else { return booked }
        return [opening] + booked
    }

    /// What an account moved by, in debit.
    static func sum(_ transactions: [JournalTransaction], _ purpose: JournalAccounts.Purpose) -> Dollars {
        Dollars(
            micros: transactions.flatMap(\.legs).reduce(0) { $0 + ($1.purpose == purpose ? $1.amount.micros : 0) })
    }

    /// What frozen credits cost when the month began: what they cost at its end, less what moved.
    func openingFrozen(_ booked: [JournalTransaction]) -> Dollars {
        Dollars(micros: book.statement.frozenCost.micros + Self.sum(booked, .frozenCredits).micros)
    }

    private func prepaid(_ line: MonthBooks.Book.Line) -> JournalTransaction? {
        let worth = line.posted.worth
        guard worth != .zero else { return nil }
        let other = Self.counterpart(of: line.posted)
        return transaction(line, JournalTransaction.legs(worth, from: .deferredRevenue, to: other))
    }

    /// The other side of what left deferred revenue or came back to it.
    private static func counterpart(of line: StatementBook.Line) -> JournalAccounts.Purpose {
        switch line.standing {
        case .open: return .frozenCredits
        case .settledBefore: return .revenue
        case .unknown: return .unreconciled
        case .none: break
        }
        let entry = line.entry
        return switch entry.line {
        case .purchases: .receivable
        case .spent, .refunds: entry.isSingleVideo || entry.isSingleReturn ? .revenue : .unreconciled
        default: .adjustments
        }
    }

    private func payAsYouGo(_ line: MonthBooks.Book.Line) -> JournalTransaction? {
        guard let price = line.posted.entry.pricePaid, line.posted.standing == .none, price != .zero else { return nil }
        return transaction(line, JournalTransaction.legs(price, from: .deposits, to: .receivable))
    }

    private func transaction(
        _ line: MonthBooks.Book.Line, _ legs: [JournalTransaction.Leg]
    ) -> JournalTransaction {
        let (entry, model) = (line.posted.entry, line.posted.model)
        return JournalTransaction(
            kind: .entry, countsAt: line.countsAt, id: "entry-\(entry.id)",
            description: entry.description(model: model), credits: entry.credits, model: model,
            batch: line.posted.standing == .none ? "" : entry.referenceID, legs: legs)
    }

    /// What the batches of the month delivered, each model by itself, in the order in which they ended; and the single
    /// videos of an account on pay as you go.
    private func settlements() -> [JournalTransaction] {
        let source: JournalAccounts.Purpose = book.isPrepaid ? .frozenCredits : .unbilled
        let (plan, statement) = (book.subject.account.plan, book.statement)
        var booked: [JournalTransaction] = []
        for batch in statement.settledBatches {
            for share in statement.shares(of: batch) {
                guard let amount = StatementUsage(share, plan: plan).exactAmount, amount != .zero else { continue }
                let model = share.model.isEmpty ? "" : ", \(share.model)"
                booked.append(
                    JournalTransaction(
                        kind: .settlement, countsAt: batch.settledAt ?? book.subject.known.start,
                        id: "batch-\(batch.id)" + (share.model.isEmpty ? "" : "-\(share.model)"),
                        description: "\(share.succeeded) videos delivered\(model)", credits: -share.delivered,
                        model: share.model, batch: batch.id,
                        legs: JournalTransaction.legs(amount, from: .revenue, to: source)))
            }
        }
        booked = booked.enumerated().sorted { ($0.element.countsAt, $0.offset) < ($1.element.countsAt, $1.offset) }
            .map(\.element)
        return book.isPrepaid ? booked : booked + singles()
    }

    private func singles() -> [JournalTransaction] {
        book.statement.usage.filter { $0.source == .single }.compactMap { usage in
            guard let amount = usage.exactAmount, amount != .zero else { return nil }
            return JournalTransaction(
                kind: .singles, countsAt: Instant(microseconds: book.subject.known.end.microseconds - 1),
                id: "singles-\(book.slug)-\(book.month)" + (usage.model.isEmpty ? "" : "-\(usage.model)"),
                description: "\(usage.succeeded) single videos, \(usage.model)", credits: -usage.creditsSpent,
                model: usage.model, batch: "", legs: JournalTransaction.legs(amount, from: .revenue, to: .unbilled))
        }
    }

    /// Rows and settlements by the instants at which they count; at one instant the rows come first.
    private func merged(_ rows: [JournalTransaction], _ settlements: [JournalTransaction]) -> [JournalTransaction] {
        var result: [JournalTransaction] = []
        var rest = settlements[...]
        for row in rows {
            while let next = rest.first, next.countsAt < row.countsAt {
                result.append(next)
                rest = rest.dropFirst()
            }
            result.append(row)
        }
        return result + rest
    }

    private func opening(_ booked: [JournalTransaction]) -> JournalTransaction? {
        let balances: [(JournalAccounts.Purpose, Dollars)] = [
            (.deferredRevenue, book.statement.openingCost), (.frozenCredits, openingFrozen(booked)),
        ]
        let legs = balances.filter { $0.1 != .zero }.map { purpose, amount in
            JournalTransaction.Leg(purpose: purpose, amount: Dollars(micros: -amount.micros))
        }
        guard !legs.isEmpty else { return nil }
        let sum = legs.reduce(0) { $0 + $1.amount.micros }
        return JournalTransaction(
            kind: .opening, countsAt: book.subject.known.start, id: "opening-\(book.slug)-\(book.month)",
            description: "Balances at the beginning of the month", credits: 0, model: "", batch: "",
            legs: legs + [JournalTransaction.Leg(purpose: .opening, amount: Dollars(micros: -sum))])
    }
}

extension StatementEntry {
    /// What a purchase cost, by its own word or at list; nil for every other row.
    var pricePaid: Dollars? {
        guard type == "purchase" else { return nil }
        return price ?? (credits > 0 ? PriceList.price(ofCredits: credits) : nil)
    }
}
