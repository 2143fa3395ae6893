import Domain

/// The charges of one account's month.
///
/// Prepaid: a purchase is billed at its price and costs nothing yet; what a batch used is billed at nothing and costs
/// what its credits had cost. Pay as you go: what was delivered is billed at list; what was paid in advance is a
/// payment and no charge. What is held is not charged before its batch ends, and balances are no charges.
struct FocusCharges {
    private let book: MonthBooks.Book

    init(_ book: MonthBooks.Book) {
        self.book = book
    }

    /// In the order of their periods; at one instant, those of the ledger's rows first.
    var rows: [FocusRow] {
        let all = book.lines.compactMap(row) + corrections + settlements + singles
        return all.enumerated().sorted { left, right in
            (left.element.period.start, left.offset) < (right.element.period.start, right.offset)
        }.map(\.element)
    }

    /// Purchases, grants and what somebody adjusted.
    private func row(_ line: MonthBooks.Book.Line) -> FocusRow? {
        let entry = line.posted.entry
        guard line.posted.standing == .none else { return nil }
        switch entry.line {
        case .purchases: return book.isPrepaid ? purchase(line) : nil
        case .bonusGrants: return free(line, .credit)
        case .adjustments: return free(line, .adjustment)
        default: return nil
        }
    }

    private func purchase(_ line: MonthBooks.Book.Line) -> FocusRow {
        let (entry, price) = (line.posted.entry, line.posted.worth)
        let isTakenBack = entry.credits <= 0
        return FocusRow(
            category: .purchase, isCorrection: isTakenBack, description: entry.description(model: ""),
            period: hour(line.countsAt), billed: price, effective: .zero, contracted: price,
            pricing: isTakenBack
                ? nil
                : FocusRow.Pricing(
                    quantity: entry.credits, unit: "Credits", listCost: PriceList.price(ofCredits: entry.credits)),
            sku: (
                "credits", "Credits purchased",
                CreditPackage.allCases.first { $0.credits == entry.credits }.map { "credits-package-\($0.rawValue)" }
                    ?? "credits-by-number"
            ), reference: "entry \(entry.id)", credits: entry.credits)
    }

    private func free(_ line: MonthBooks.Book.Line, _ category: FocusRow.Category) -> FocusRow {
        let entry = line.posted.entry
        return FocusRow(
            category: category, description: entry.description(model: ""), period: hour(line.countsAt), billed: .zero,
            effective: .zero, contracted: .zero, reference: "entry \(entry.id)", credits: entry.credits)
    }

    /// The batches settled in the month, each model by itself.
    private var settlements: [FocusRow] {
        let (plan, statement) = (book.subject.account.plan, book.statement)
        return statement.settledBatches.flatMap { batch in
            statement.shares(of: batch).compactMap { share in
                let usage = StatementUsage(share, plan: plan)
                let amount = usage.exactAmount ?? .zero
                guard amount != .zero || usage.succeeded > 0 else { return nil }
                var row = self.usage(
                    usage, amount, period: hour(batch.settledAt ?? book.subject.known.start),
                    description: "\(usage.succeeded) videos of a batch")
                row.batch = batch.id
                row.requestID = batch.requestID
                return row
            }
        }
    }

    /// Single videos, each model by itself, for the whole month: a refund counts all videos of its reference back.
    private var singles: [FocusRow] {
        book.statement.usage.filter { $0.source == .single }.compactMap { usage in
            let amount = usage.exactAmount ?? .zero
            guard amount != .zero || usage.succeeded != 0 else { return nil }
            return self.usage(
                usage, amount, period: book.subject.period, description: "\(usage.succeeded) single videos")
        }
    }

    private func usage(
        _ usage: StatementUsage, _ amount: Dollars, period: Period, description: String
    ) -> FocusRow {
        let model = usage.model.isEmpty ? "unknown" : usage.model
        let isCorrection = usage.succeeded < 0 || amount < .zero
        let listPrice = PriceList.price(ofModel: usage.model)
        // Books that are not whole may have charged for a batch that delivered nothing.
        let isOfVideos = usage.succeeded > 0
        let list = isOfVideos ? listPrice.map { Dollars(micros: $0.micros * usage.succeeded) } : nil
        let listCredits = isOfVideos ? VideoModel(rawValue: usage.model).map { $0.credits * usage.succeeded } : nil
        let spent = usage.creditsSpent
        return FocusRow(
            category: .usage, isCorrection: isCorrection, description: "\(description), \(model)", period: period,
            billed: book.isPrepaid ? .zero : amount, effective: amount, contracted: amount,
            pricing: isCorrection
                ? nil
                : FocusRow.Pricing(
                    quantity: isOfVideos ? usage.succeeded : 1, unit: isOfVideos ? "Videos" : "Batches",
                    listCost: list ?? amount),
            currency: book.isPrepaid ? .credits(spent: spent, list: listCredits ?? max(spent, 0)) : .dollars,
            consumed: usage.succeeded,
            sku: (model, "Videos delivered", book.isPrepaid ? "\(model)-credits" : "\(model)-list"), credits: -spent)
    }

    /// What came back, or was taken, for batches that an earlier month has stated: each model of a batch by itself.
    private var corrections: [FocusRow] {
        guard book.isPrepaid else { return [] }
        var order: [String] = []
        var lines: [String: [MonthBooks.Book.Line]] = [:]
        for line in book.lines where line.posted.standing == .settledBefore {
            let key = "\(line.posted.entry.referenceID) \(line.posted.model)"
            if lines[key] == nil { order.append(key) }
            lines[key, default: []].append(line)
        }
        return order.compactMap { key in
            guard let own = lines[key], let first = own.first?.posted else { return nil }
            let model = first.model.isEmpty ? "unknown" : first.model
            let amount = Dollars(micros: -own.reduce(0) { $0 + $1.posted.worth.micros })
            let credits = own.reduce(0) { $0 + $1.posted.entry.credits }
            return FocusRow(
                category: .usage, isCorrection: true,
                description: "Correction of a batch of an earlier month, \(model)",
                period: hour(own[0].countsAt), billed: .zero, effective: amount, contracted: amount,
                currency: .credits(spent: -credits, list: 0), consumed: nil,
                sku: (model, "Videos delivered", "\(model)-credits"), batch: first.entry.referenceID, credits: credits)
        }
    }

    /// The hour of an instant, as far as it lies in the month: where clocks are half an hour off, a month begins within
    /// one.
    private func hour(_ instant: Instant) -> Period {
        let length: Int64 = 3_600_000_000
        let start = instant.microseconds - (instant.microseconds % length + length) % length
        let month = book.subject.period
        return Period(
            start: max(Instant(microseconds: start), month.start),
            end: min(Instant(microseconds: start + length), month.end))
    }
}
