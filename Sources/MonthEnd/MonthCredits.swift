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
}
