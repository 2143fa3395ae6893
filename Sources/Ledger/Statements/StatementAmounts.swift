import Documents
import Domain

/// What a month was used for, what that costs, and how it is paid: the first figures of the page.
struct StatementAmounts {
    let used: [StatementPage.AmountRow]
    let paid: [StatementPage.AmountRow]
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
        paid =
            [
                Self.row(
                    isPrepaid ? "From packages, which are paid already" : "Pay as you go, at list price: by invoice",
                    credits: isPrepaid ? GroupedNumber.text(total.creditsSpent) : "",
                    amount: StatementWords.cents(cost)),
                Self.row("Monthly fee of the contract: by invoice", amount: StatementWords.cents(fee)),
            ].filter { $0.amount != "0.00" || isPrepaid && !$0.credits.isEmpty }
            + credits.lines.map { Self.row($0.title, amount: StatementWords.cents($0.amount)) } + [
                Self.row(
                    "Due by invoice for this month",
                    amount: StatementWords.cents(
                        Dollars(micros: fee.micros - credits.reduced.micros + (isPrepaid ? 0 : cost.micros))),
                    style: "balance")
            ]
        let note =
            isPrepaid
            ? "Credits cost what their package cost, purchases first in, first out; bonus credit costs nothing. A batch "
                + "counts here when it is settled, and in its package when it is frozen."
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

    private static func row(
        _ title: String, credits: String = "", amount: String = "", before: String = "", style: String = ""
    ) -> StatementPage.AmountRow {
        StatementPage.AmountRow(
            title: title, videos: "", credits: credits, unitPrice: "", amount: amount, before: before, style: style)
    }
}
