import Domain
import Postgres
import Schema

/// Whose month it is, from when to when, and from when on nothing changes it any more.
struct MonthScope: Sendable {
    /// Accounts under the terms of the month, in natural order.
    let accounts: [Account]
    /// The month of everybody together, in the zone of the standard contract.
    let period: Period
    let timeZone: String
    /// From when on the month is final for everybody.
    let finalityAt: Instant
    let snapshotAt: Instant

    var isOver: Bool { period.end <= snapshotAt }
    var isFinal: Bool { finalityAt <= snapshotAt }

    init(_ month: Month, definitionFolder: String, session: Session, catalog: Catalog) throws {
        let books = Books(session: session, catalog: catalog)
        accounts = try books.accounts().map { $0.under(month) }
        let contracts = try Contracts(books, definitionFolder: definitionFolder)
        let localMonths = LocalMonths(session)
        let nearly = try localMonths.periods(of: [(month, timeZone: "UTC")])[0].end
        timeZone = try contracts.contract("standard", monthEnd: nearly).profile.timeZone
        let period = try localMonths.periods(of: [(month, timeZone: timeZone)])[0]
        self.period = period
        snapshotAt = try session.snapshotInstant()
        let standard = try contracts.contract("standard", monthEnd: period.end)
        let periods = try localMonths.periods(of: accounts.map { (month, $0) })
        let own = try contracts.contracts(of: accounts, periods: periods)
        // Tasks that were accepted in an earlier month are judged by the contract of that one.
        let judging = try [standard] + own + contracts.stretches(of: accounts, session: session).map(\.contract)
        let last = (periods + [period]).max { $0.end < $1.end } ?? period
        finalityAt = ReportScope.finality(of: last, judging)
    }
}
