import Domain

/// Days and amounts as a statement says them to people.
enum StatementWords {
    /// `3 April 2026`, of an instant as a local clock writes it.
    static func day(_ text: String) -> String {
        let parts = text.prefix(10).split(separator: "-")
        guard parts.count == 3, let year = Int(parts[0]), let number = Int(parts[1]), let day = Int(parts[2]),
            let month = Month(year: year, number: number)
        else { return String(text.prefix(10)) }
        return "\(day) \(month.title)"
    }

    /// `1 to 31 October 2026`: the days of a period. One that does not begin and end at midnight says the times too.
    static func period(_ period: Period, clock: LocalClock) -> String {
        let (start, end) = (clock.shortText(period.start), clock.shortText(period.end))
        guard start.hasSuffix(" 00:00"), end.hasSuffix(" 00:00") else {
            return "\(day(start)), \(start.suffix(5)), until \(day(end)), \(end.suffix(5))"
        }
        let (first, last) = (day(start), day(clock.text(period.end.adding(seconds: -1))))
        let month = first.drop { $0 != " " }
        return last.hasSuffix(month) ? "\(first.prefix { $0 != " " }) to \(last)" : "\(first) to \(last)"
    }

    /// What stands behind the words "not an invoice".
    static func notInvoice(_ account: Account) -> String {
        switch account.plan {
        case .prepaid where account.monthlyFee == .zero:
            "The invoice was the purchase of the credits. This says what became of them; it asks for no payment."
        case .prepaid:
            "The credits were invoiced when they were bought; the monthly fee has an invoice of its own."
        case .payAsYouGo: "What is due is asked for by an invoice of its own. This says what it is for."
        }
    }

    /// `1,234.50`: whole cents, half a cent up.
    static func cents(_ amount: Dollars) -> String {
        let cents = (amount.micros.magnitude + 5_000) / 10_000
        let text = GroupedNumber.text(Dollars(micros: Int64(cents) * 10_000)).dropFirst()
        return (amount.micros < 0 && cents > 0 ? "−" : "") + text
    }

    /// `UTC−07:00`, the offset of a clock at an instant; `UTC` without one.
    static func offset(_ clock: LocalClock, at instant: Instant) -> String {
        let text = clock.text(instant).suffix(6)
        return text.hasSuffix("00:00") ? "UTC" : "UTC" + text.replacing("-", with: "−")
    }
}
