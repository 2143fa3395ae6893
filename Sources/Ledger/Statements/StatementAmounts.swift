import Documents
import Domain

/// What a month was used for, what that costs, and how it is paid: the first figures of the page.
struct StatementAmounts {
    /// How a part of it is paid, or what is due at the end.
    struct Payment {
        let title: String
        /// Nil where it is not paid in credits.
        let credits: Int64?
        let amount: Dollars
    }

    let used: [StatementPage.AmountRow]
    let payments: [Payment]
    /// What an invoice asks for.
    let due: Payment
    let paidNote: String

    /// - Parameters:
    ///   - fee: The monthly fee of the contract.
    ///   - last: The month before; nil where nothing is known of it.
    init(layout: StatementTables, fee: Dollars, last: LastMonth?) {
        let amounts = last?.amounts
        var rows = layout.lines.map { Self.row($0, before: amounts) }
        // What there was the month before and is no more.
        let own = Set(layout.lines.map { LastMonth.Use(source: $0.source.rawValue, model: $0.model) })
        for (use, amount) in (amounts ?? [:]).filter({ !own.contains($0.key) }).sorted(by: {
            ($0.key.source, $0.key.model) < ($1.key.source, $1.key.model)
        }) {
            rows.append(Self.row(Self.title(use.source, use.model), before: StatementWords.cents(amount)))
        }
        let total = StatementUse(layout.lines, batches: 0)
        let before = amounts.map { $0.values.reduce(Int64(0)) { $0 + $1.micros } }
        rows.append(
            StatementPage.AmountRow(
                title: total.lacksAmounts ? "Total of what has an amount" : "Total",
                videos: GroupedNumber.text(total.succeeded), credits: GroupedNumber.text(total.creditsSpent),
                unitPrice: "", amount: StatementWords.cents(total.amount ?? .zero),
                before: before.map { StatementWords.cents(Dollars(micros: $0)) } ?? "", style: "balance"))
        used = rows
        let isPrepaid = layout.book.plan == .prepaid
        let cost = total.amount ?? .zero
        let credits = layout.serviceCredits
        payments =
            [
                Payment(
                    title: isPrepaid
                        ? "From packages, which are paid already" : "Pay as you go, at list price: by invoice",
                    credits: isPrepaid ? total.creditsSpent : nil, amount: cost),
                Payment(title: "Monthly fee of the contract: by invoice", credits: nil, amount: fee),
            ].filter { StatementWords.cents($0.amount) != "0.00" || $0.credits != nil }
            + credits.lines.map { Payment(title: $0.title, credits: nil, amount: $0.amount) }
        due = Payment(
            title: "Due by invoice for this month", credits: nil,
            amount: Dollars(micros: fee.micros - credits.reduced.micros + (isPrepaid ? 0 : cost.micros)))
        let note =
            isPrepaid
            ? "Credits cost what their package cost, purchases first in, first out; bonus credit costs nothing."
            : "Videos that did not succeed cost nothing."
        paidNote = credits.note.isEmpty ? note : "\(note) \(credits.note)"
    }

    private static func title(_ source: String, _ model: String) -> String {
        let name = model.isEmpty ? "Without a model" : model
        return source == StatementUsage.Source.single.rawValue ? "\(name), single videos" : "\(name), in batches"
    }

    private static func row(_ line: StatementUsage, before: [LastMonth.Use: Dollars]?) -> StatementPage.AmountRow {
        let use = LastMonth.Use(source: line.source.rawValue, model: line.model)
        return StatementPage.AmountRow(
            title: title(line.source.rawValue, line.model), videos: GroupedNumber.text(line.succeeded),
            credits: GroupedNumber.text(line.creditsSpent), unitPrice: line.unitPrice?.description ?? "",
            amount: line.amount.map { StatementWords.cents($0) } ?? "",
            before: before?[use].map { StatementWords.cents($0) } ?? "", style: "")
    }

    /// As the page shows how it is paid.
    var paid: [StatementPage.AmountRow] {
        func row(_ payment: Payment, style: String = "") -> StatementPage.AmountRow {
            Self.row(
                payment.title, credits: payment.credits.map { GroupedNumber.text($0) } ?? "",
                amount: StatementWords.cents(payment.amount), style: style)
        }
        return payments.map { row($0) } + [row(due, style: "balance")]
    }

    private static func row(
        _ title: String, credits: String = "", amount: String = "", before: String = "", style: String = ""
    ) -> StatementPage.AmountRow {
        StatementPage.AmountRow(
            title: title, videos: "", credits: credits, unitPrice: "", amount: amount, before: before, style: style)
    }
}
