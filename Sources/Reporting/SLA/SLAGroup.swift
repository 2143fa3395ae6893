import Domain
import Postgres
import Schema

/// Accounts whose months begin and end at the same instants and are judged as of the same ones: what their own reports
/// say is counted together, in one reading.
///
/// A report of everybody, and one of a single account, is a group of its own.
struct SLAGroup {
    /// The scope of each report, in the order of the accounts' numbers.
    let scopes: [SLAScope]
    /// What the queries count by, for all of them at once.
    let whole: SLAScope

    /// The group of one report.
    init(_ scope: SLAScope) {
        (scopes, whole) = ([scope], scope)
    }

    /// Precondition: every scope is of one account, and all have the same months.
    private init(_ scopes: [SLAScope]) {
        self.scopes = scopes
        whole = scopes.count == 1 ? scopes[0] : SLAScope(of: scopes)
    }

    /// Puts reports together as far as their months are the same.
    static func groups(of scopes: [SLAScope]) -> [SLAGroup] {
        struct Alike: Hashable {
            let months: [SLAScope.JudgedMonth]
            /// Of the reported one.
            let dayStarts: [Instant]
        }
        var groups: [Alike: [SLAScope]] = [:]
        var order: [Alike] = []
        for scope in scopes {
            let months = Alike(months: scope.earlier + [scope.current], dayStarts: scope.dayStarts)
            if groups[months] == nil { order.append(months) }
            groups[months, default: []].append(scope)
        }
        return order.compactMap { groups[$0].map { SLAGroup($0) } }
    }
}

extension SLAScope {
    /// What holds for the reports of several accounts with the same months.
    ///
    /// Precondition: there is one at least.
    fileprivate init(of scopes: [SLAScope]) {
        let first = scopes[0]
        self.init(
            request: SLARequest(month: first.request.month, cutoff: first.request.cutoff),
            accounts: scopes.flatMap(\.accounts), onlyAccount: nil, areApart: true,
            // The standard contract is that of the month's end, which all of them have in common.
            contracts: Self.listed(first.contracts[0], scopes.flatMap(\.contracts)),
            stretches: scopes.flatMap(\.stretches), ownContracts: scopes.flatMap(\.ownContracts),
            timeZone: first.timeZone, clock: first.clock, judged: first.judged, earlier: first.earlier,
            ownPeriods: scopes.reduce(into: [:]) { $0.merge($1.ownPeriods) { own, _ in own } },
            standIns: first.standIns, isOneSnapshot: first.isOneSnapshot)
    }

    /// The scope of each account's own report, by slug: of those whose month has begun at the cutoff.
    ///
    /// Throws what ``init(_:contracts:session:catalog:)`` throws of any of them, `usage` where the month has begun for
    /// nobody, and ``ReportRefusal/noAccounts``.
    static func each(
        of request: SLARequest, contracts: Contracts, session: Session, catalog: Catalog
    ) throws -> [SLAScope] {
        let accounts = try Books(session: session, catalog: catalog).accounts().map { $0.under(request.month) }
        guard !accounts.isEmpty else { throw ReportRefusal.noAccounts }
        let snapshotAt = try session.snapshotInstant()
        let months = months(upTo: request.month)
        let asked = accounts.flatMap { account in months.map { ($0, account) } }
        var periods = try LocalMonths(session).periods(of: asked)[...]
        let begun = accounts.compactMap { account -> (account: Account, periods: [Period])? in
            let own = Array(periods.prefix(months.count))
            periods = periods.dropFirst(months.count)
            guard let period = own.last, period.start < request.cutoff ?? snapshotAt else { return nil }
            return (account, own)
        }
        guard !begun.isEmpty else {
            throw DaybookError.usage(
                "At the cutoff the month \(request.month) has not begun for anybody; choose an earlier one.")
        }
        let stretches = Dictionary(
            grouping: try contracts.stretches(of: begun.map(\.account), session: session), by: \.userID)
        let standIns = try Self.standIns(session, catalog)
        let (first, last) = (
            begun.compactMap(\.periods.last?.start).min(),
            begun.compactMap(\.periods.last).max {
                $0.end < $1.end
            }
        )
        let clocks =
            if let first, let last {
                try ReportClock.read(
                    session, zones: begun.map(\.account.timeZone), from: first, until: Self.lastShown(last))
            } else {
                [String: ReportClock]()
            }
        var replayed: Set<ReportScope> = []
        return try begun.map { account, periods in
            let scope = try SLAScope(
                request.of(account.slug), accounts: [account],
                onlyAccount: account, periods: Array(zip(months, periods)), ownPeriods: periods.suffix(1),
                stretches: stretches[account.userID] ?? [], contracts: contracts, standIns: standIns,
                isOneSnapshot: !catalog.isDistributed, snapshotAt: snapshotAt
            ) { zone, _ in clocks[zone] }
            if replayed.insert(scope.judged).inserted { try scope.requireReplayed(session) }
            return scope
        }
    }
}
