import Domain
import Ledger
import Postgres

/// How far the service credits of a month are: whether they were offered, and what became of them.
struct MonthCredits: Sendable {
    let isDone: Bool
    /// For people.
    let text: String

    /// A credit that was offered counts whoever did it and by which command; without one a record says that there was
    /// none to offer.
    ///
    /// - Parameter now: As of when an offer has lapsed; nil for what is recorded alone, whatever the clock says.
    init(_ month: Month, _ record: MonthRecord, at now: Instant?, _ session: Session) throws {
        let counts = try ServiceCreditCounts(of: month, at: now ?? .distantPast, session)
        isDone = counts.offered > 0 || record.newest(.credits) != nil
        text = isDone ? counts.text : "not offered yet"
    }

    /// For a page that knows what the reports offer.
    func text(offers: [ServiceCreditOffer]) -> String {
        guard !isDone else { return text }
        guard !offers.isEmpty else { return "none to offer" }
        let sum = Dollars(micros: offers.reduce(0) { $0 + $1.amount.micros })
        let customers = offers.count == 1 ? "customer" : "customers"
        return "\(GroupedNumber.text(sum)) to offer to \(offers.count) \(customers)"
    }
}
