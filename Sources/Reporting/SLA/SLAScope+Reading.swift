import Domain
import Postgres
import Schema

extension SLAScope {
    /// Settles a request against the database's snapshot.
    ///
    /// Throws `usage` for a month that has not begun, a cutoff after the snapshot or an unknown account.
    init(_ request: SLARequest, contracts: Contracts, session: Session, catalog: Catalog) throws {
        let books = Books(session: session, catalog: catalog)
        var accounts = try books.accounts().map { $0.under(request.month) }
        let onlyAccount = try request.account.map { try Account.named($0, among: accounts) }
        if let onlyAccount { accounts = [onlyAccount] }
        let localMonths = LocalMonths(session)
        let months = (0..<Limits.trendMonths).reversed().compactMap { request.month.adding(months: -$0) }
        let periods =
            try onlyAccount.map { account in try localMonths.periods(of: months.map { ($0, account) }) }
            ?? Self.standardPeriods(months, contracts: contracts, localMonths)
        let ownPeriods = try localMonths.periods(of: accounts.map { (request.month, $0) })
        let stretches = try contracts.stretches(of: accounts, session: session)
        let own = try contracts.contracts(of: accounts, periods: ownPeriods)
        let standard = try contracts.contract("standard", monthEnd: periods.last?.end ?? .distantFuture)
        let judging = Self.listed(standard, stretches.map(\.contract) + own)
        let timeZone = onlyAccount?.timeZone ?? standard.profile.timeZone

        let snapshotAt = try session.snapshotInstant()
        guard let period = periods.last, period.start < snapshotAt else {
            throw DaybookError.usage("The month \(request.month) has not begun in \(timeZone); choose an earlier one.")
        }
        let judged = ReportScope(
            title: "The SLA report of \(request.month)", period: period, contracts: judging, cutoff: request.cutoff,
            snapshotAt: snapshotAt)
        try judged.requireReplayed(session)
        try judged.requireKnownCutoff()
        if let cutoff = request.cutoff, cutoff < period.start {
            throw DaybookError.usage("The cutoff \(cutoff) lies before the month, which starts at \(period.start).")
        }
        self.init(
            request: request, accounts: accounts, onlyAccount: onlyAccount, contracts: judging,
            stretches: stretches, ownContracts: own, timeZone: timeZone, judged: judged,
            earlier: zip(months, periods).dropLast().map { month, period in
                JudgedMonth(
                    month: month, period: period,
                    cutoff: min(ReportScope.finality(of: period, judging), judged.cutoff))
            },
            ownPeriods: Dictionary(uniqueKeysWithValues: zip(accounts.map(\.slug), ownPeriods)))
    }

    /// Months of everybody lie in the zone of the standard profile's version that the last of them is judged by.
    private static func standardPeriods(
        _ months: [Month], contracts: Contracts, _ localMonths: LocalMonths
    ) throws -> [Period] {
        guard let last = months.last else { return [] }
        let nearly = try localMonths.periods(of: [(last, timeZone: "UTC")])[0].end
        let zone = try contracts.contract("standard", monthEnd: nearly).profile.timeZone
        return try localMonths.periods(of: months.map { ($0, timeZone: zone) })
    }

    /// Each contract once: the standard one first, the others by name and version.
    private static func listed(_ standard: Contract, _ others: [Contract]) -> [Contract] {
        let byDigest = Dictionary(others.map { ($0.sha256, $0) }) { first, _ in first }
        let rest = byDigest.values.filter { $0.sha256 != standard.sha256 }.sorted { left, right in
            left.profile.name == right.profile.name
                ? left.profile.version < right.profile.version
                : left.profile.name.utf8.lexicographicallyPrecedes(right.profile.name.utf8)
        }
        return [standard] + rest
    }
}
