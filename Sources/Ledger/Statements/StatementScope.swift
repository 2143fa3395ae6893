import Domain
import Foundation
import Postgres
import Schema

/// Everything that is settled before the first row is read: whose month, from when to when, as of when.
struct StatementScope: Sendable {
    let request: StatementRequest
    let snapshotAt: Instant
    var accounts: [StatementAccount]
    /// True for a run that closes the month: it keeps the id of every row.
    var keepsRows = false
    /// What a task without a model is.
    private let modelParameters: [String: Value]

    /// Settles a request against the database's snapshot.
    ///
    /// Throws `usage` for an unknown account, a month that has begun for nobody, or a cutoff outside of what is known.
    init(
        _ request: StatementRequest, session: Session, catalog: Catalog, profileFolder: String
    ) throws {
        self.request = request
        let books = Books(session: session, catalog: catalog)
        var all = try books.accounts().map { $0.under(request.month) }
        if let slug = request.account { all = [try Account.named(slug, among: all)] }
        guard !all.isEmpty else { throw LedgerRefusal.noAccounts }
        let path = profileFolder + "/standard-profile.json"
        guard let shipped = FileManager.default.contents(atPath: path) else {
            throw DaybookError.configuration("\(path) is missing; reinstall the reports.")
        }
        let periods = try Self.periods(all, of: request.month, session: session, catalog: catalog)
        let profiles = try Contracts(books, shippedProfile: Array(shipped))
        let contracts = try profiles.contracts(of: all, periods: periods)
        let snapshotAt = try session.snapshotInstant()
        self.snapshotAt = snapshotAt
        modelParameters = try profiles.modelParameters(of: all, now: snapshotAt, session: session)
        let starts = try Self.before(all, request.month, session)
        let subjects = zip(zip(zip(all, periods), starts), contracts).map { subject, contract in
            let ((account, period), start) = subject
            let before = start.flatMap { $0 < period.start ? Period(start: $0, end: period.start) : nil }
            return StatementAccount(
                account: account, zoneText: account.zoneText(of: request.month),
                scope: ReportScope(
                    title: "The statement of \(account.slug) for \(request.month)", period: period,
                    contracts: [contract], cutoff: request.cutoff, snapshotAt: snapshotAt),
                contract: contract, before: before)
        }
        for subject in subjects { try subject.scope.requireReplayed(session) }
        try subjects.first?.scope.requireKnownCutoff()
        accounts = subjects.filter(\.scope.hasBegun)
        guard !accounts.isEmpty else {
            let zone = all.count == 1 ? " in \(all[0].timeZone)" : ""
            throw DaybookError.usage(
                "At the cutoff the month \(request.month) has not begun\(zone); choose an earlier one.")
        }
    }

    /// When the month before began for each account.
    private static func before(_ accounts: [Account], _ month: Month, _ session: Session) throws -> [Instant?] {
        guard let before = month.adding(months: -1) else { return accounts.map { _ in nil } }
        return try LocalMonths(session).periods(of: accounts.map { (before, $0.under(before)) }).map(\.start)
    }

    /// The month of each account. It begins where the month before it was closed to, whatever its terms say today.
    private static func periods(
        _ accounts: [Account], of month: Month, session: Session, catalog: Catalog
    ) throws -> [Period] {
        let periods = try LocalMonths(session).periods(of: accounts.map { (month, $0) })
        let ends = try month.adding(months: -1).map {
            try MonthCloses(session: session, catalog: catalog).ends(of: $0)
        }
        return zip(accounts, periods).map { account, period in
            guard let end = ends?[account.userID], end <= period.end else { return period }
            return Period(start: end, end: period.end)
        }
    }

    /// Another month of an account.
    func period(of account: Account, in month: Month, session: Session, catalog: Catalog) throws -> Period {
        try Self.periods([account.under(month)], of: month, session: session, catalog: catalog)[0]
    }

    /// The values of the queries' parameters.
    var parameters: [String: Value] {
        [
            "owner_ids": .texts(accounts.map(\.account.userID)),
            "period_starts": .instants(accounts.map(\.known.start)),
            "period_ends": .instants(accounts.map(\.known.end)),
            "before_starts": .instants(accounts.map { $0.before?.start ?? $0.period.start }),
            "owners_with_history": .bools(accounts.map(needsHistory)),
            "snapshot_at": .instant(snapshotAt),
            "zone_names": .texts(zones.map(\.account.timeZone)),
            "zone_starts": .instants(zones.map { $0.period.start.adding(seconds: -Self.clockSeconds) }),
            "zone_ends": .instants(zones.map { $0.period.end.adding(seconds: Self.clockSeconds) }),
        ].merging(modelParameters) { own, _ in own }
    }

    /// True where every row before the month counts by itself: amounts come from the purchases, a row may count at a
    /// later instant than its own, or its id is to be kept.
    func needsHistory(_ subject: StatementAccount) -> Bool {
        keepsRows || subject.ledger != nil || subject.account.plan == .prepaid
    }

    /// No row from here on is ever carried forward. It is told by days, so that no leap year brings it too near.
    var keptFrom: Instant {
        snapshotAt.adding(seconds: -Limits.financialYearsRange.lowerBound * 365 * 86_400)
    }

    /// An account of each time zone, in the order of the zones' names.
    var zones: [StatementAccount] {
        Dictionary(accounts.map { ($0.account.timeZone, $0) }) { first, _ in first }.sorted { $0.key < $1.key }.map(
            \.value)
    }

    /// How far before the month and after it its clocks are known exactly, in seconds. A statement names what lies
    /// outside of the month: old purchases, credit that expires, the instant of which it is judged.
    private static let clockSeconds: Int64 = 15 * 366 * 86_400
}

/// One account of a statement run, with its month and what is known of it.
struct StatementAccount: Sendable {
    let account: Account
    /// The zone of the month for people; both, where it begins in another one.
    let zoneText: String
    /// Its month, and as of when that is judged.
    let scope: ReportScope
    let contract: Contracts.Contract
    /// The month before; nil where there is none.
    let before: Period?
    /// What was closed before; nil where nothing was.
    var closed: ClosedLedger?
    /// The first close, where the month ends before it or with it and was not closed: a later row may not change it.
    var firstClose: ClosedLedger?
    /// What decides which rows are late.
    var ledger: ClosedLedger? { closed ?? firstClose }

    /// The whole month in the account's zone.
    var period: Period { scope.period }
    /// The instant as of which the statement is judged.
    var cutoff: Instant { scope.cutoff }
    /// The cutoff for people, the same in every run: only the manifest names the run's own now.
    var asOf: String { scope.isCutoffNow ? "the snapshot that manifest.json names" : cutoff.description }
    /// What the amounts are in.
    static let currencyText = "USD; credits are whole numbers"
    /// The plan for people.
    var planText: String { account.plan == .prepaid ? "prepaid packages" : "pay as you go" }
    /// The month, or the part of it that is known: an event at exactly the cutoff has happened.
    var known: Period {
        Period(start: period.start, end: min(period.end, Instant(microseconds: cutoff.microseconds + 1)))
    }
}
