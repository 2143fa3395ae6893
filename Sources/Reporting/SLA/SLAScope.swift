import Documents
import Domain
import Postgres
import Schema

/// Everything that is settled before the first figure is counted: whose month, from when to when, by which contracts.
struct SLAScope: Sendable {
    typealias Contract = Contracts.Contract

    /// A month with its two instants and the cutoff it is judged at.
    struct JudgedMonth: Hashable, Sendable {
        let month: Month
        let period: Period
        let cutoff: Instant
    }

    let request: SLARequest
    /// All accounts by slug, or those that are reported, under the terms of the reported month.
    let accounts: [Account]
    /// The one account that is reported, nil for everybody, and for a group of accounts.
    let onlyAccount: Account?
    /// True where each of the accounts has a report of its own: nothing is counted but what is theirs, and nothing of
    /// one of them for another.
    let areApart: Bool
    /// Contract profiles; the first is the standard one.
    let contracts: [Contract]
    /// Which of them judges which rows of whom.
    let stretches: [Contracts.Stretch]
    /// The contract of each account in its own month, in the order of ``accounts``.
    let ownContracts: [Contract]
    /// The IANA zone of the reported month.
    let timeZone: String
    /// Its clock.
    let clock: ReportClock
    /// The reported month, and as of when it is judged.
    let judged: ReportScope
    /// The months before the reported one, oldest first, each judged at its own finality.
    let earlier: [JudgedMonth]
    /// The month of every account in its own zone, by slug.
    let ownPeriods: [String: Period]
    /// Relations of the queries in the places of others: where indexes find the tasks of a month, those of all months
    /// are not read.
    let standIns: [String: String]
    /// False where each customer was read at a moment of its own.
    let isOneSnapshot: Bool

    /// The instant of the database snapshot.
    var snapshotAt: Instant { judged.snapshotAt }
    /// When everything that could still happen to the month has happened.
    var finalityAt: Instant { judged.finalityAt }
    /// `final` from the finality instant on, else `preliminary`.
    var isFinal: Bool { judged.isFinal }
    /// What of the snapshot must be said; nil where there is nothing. A final month is judged by what its rows say of
    /// themselves, and is the same whenever each of them is read.
    var snapshotRemark: String? {
        isFinal || isOneSnapshot
            ? nil : "not one snapshot: the rows of each customer were read at a moment of their own"
    }
    /// The reported month as the queries take it.
    var current: JudgedMonth { JudgedMonth(month: request.month, period: judged.period, cutoff: judged.cutoff) }
    /// The first instant of each of its days.
    var dayStarts: [Instant] { clock.dayStarts(of: request.month, judged.period) }
    /// How far the month has come at the cutoff.
    var progress: Budget.Progress { .init(of: judged.period, cutoff: judged.cutoff, isFinal: isFinal) }
    var standard: ContractProfile { contracts[0].profile }
    /// The profile that judges what has no owner: the one account's, else the standard one.
    var widestProfile: ContractProfile { onlyAccount.map(profile) ?? standard }

    /// The profile of an account in its own month.
    func profile(of account: Account) -> ContractProfile {
        accounts.firstIndex { $0.userID == account.userID }.map { ownContracts[$0].profile } ?? standard
    }

    /// The profile that judges rows of an account's number: 0 and nil (everybody) are judged by the standard one.
    func profile(ofAccount number: Int64?) -> ContractProfile {
        guard let number, number > 0 else { return standard }
        return ownContracts[Int(number) - 1].profile
    }

    /// The contracts as a manifest names them.
    var manifestProfiles: [Manifest.Profile] {
        contracts.map { Manifest.Profile(name: $0.profile.name, version: $0.profile.version, sha256: $0.sha256) }
    }

    /// The text of the account column: empty for everybody, `(none)` for owners without an account, else the slug.
    func accountText(_ number: Int64?) -> String {
        guard let number else { return "" }
        return number == 0 ? "(none)" : accounts[Int(number) - 1].slug
    }

    /// The values of the queries' parameters for some months.
    func parameters(
        months: [JudgedMonth], clocks: [ContractProfile.Clock], noticeHours: Int64
    ) -> [String: Value] {
        let profiles = contracts.map(\.profile)
        let numbers = Dictionary(contracts.enumerated().map { ($0.element.sha256, $0.offset) }) { first, _ in first }
        let limits = profiles.enumerated().flatMap { number, profile in
            profile.completions.sorted { $0.key < $1.key }.map { (Int64(number), $0.key, $0.value.limitSeconds) }
        }
        func excludes(_ exclusion: ContractProfile.Exclusion) -> Value {
            .texts(profiles.map { $0.exclusions.contains(exclusion) ? "true" : "false" })
        }
        return [
            "period_starts": .instants(months.map(\.period.start)),
            "period_ends": .instants(months.map(\.period.end)),
            "cutoffs": .instants(months.map(\.cutoff)),
            "clocks": .texts(clocks.map(\.rawValue)),
            "only_users": areApart ? .texts(accounts.map(\.userID)) : .null,
            "owners_apart": .bool(areApart),
            "owner_ids": .texts(accounts.map(\.userID)),
            "owner_slugs": .texts(accounts.map(\.slug)),
            "terms_owners": .texts(stretches.map(\.userID)),
            "terms_from": .instants(stretches.map(\.from)),
            "terms_until": .instants(stretches.map(\.until)),
            "terms_profiles": .ints(stretches.map { Int64(numbers[$0.contract.sha256] ?? 0) }),
            "profile_clocks": .texts(profiles.map(\.clock.rawValue)),
            "profile_default_models": .texts(profiles.map(\.defaultModel)),
            "profile_input_refused": excludes(.inputRefused),
            "profile_cancelled": excludes(.cancelled),
            "profile_provider_outage": excludes(.providerOutage),
            "profile_refund_deadlines": .ints(profiles.map(\.refundDeadlineSeconds)),
            "profile_stuck_after": .ints(profiles.map(\.stuckAfterHours)),
            "limit_profiles": .ints(limits.map(\.0)),
            "limit_models": .texts(limits.map(\.1)),
            "limit_seconds": .ints(limits.map(\.2)),
            "maintenance_notice_hours": .int(noticeHours),
            "day_starts": .instants(dayStarts),
            // That of the standard contract: accounts whose own differs are counted together.
            "refund_step_microseconds": .int(
                max(standard.refundDeadlineSeconds * 1_000_000 / MonthDetail.RefundAge.stepsOfDeadline, 1)),
            "with_batch_tasks": .bool(false), "reader_part": .int(0), "reader_parts": .int(1),
        ]
    }
}

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
        let months = Self.months(upTo: request.month)
        let periods =
            try onlyAccount.map { account in try localMonths.periods(of: months.map { ($0, account) }) }
            ?? Self.standardPeriods(months, contracts: contracts, localMonths)
        try self.init(
            request, accounts: accounts, onlyAccount: onlyAccount, periods: Array(zip(months, periods)),
            ownPeriods: localMonths.periods(of: accounts.map { (request.month, $0) }),
            stretches: contracts.stretches(of: accounts, session: session), contracts: contracts,
            standIns: Self.standIns(session, catalog), isOneSnapshot: !catalog.isDistributed,
            snapshotAt: session.snapshotInstant()
        ) { zone, period in
            try ReportClock.read(session, zones: [zone], from: period.start, until: Self.lastShown(period))[zone]
        }
        try requireReplayed(session)
    }

    /// - Parameters:
    ///   - periods: The months up to the reported one.
    ///   - ownPeriods: The reported month of each account.
    ///   - clock: The clock of a zone, around a month.
    init(
        _ request: SLARequest, accounts: [Account], onlyAccount: Account?, periods: [(month: Month, period: Period)],
        ownPeriods: [Period], stretches: [Contracts.Stretch], contracts: Contracts, standIns: [String: String],
        isOneSnapshot: Bool, snapshotAt: Instant, clock: (String, Period) throws -> ReportClock?
    ) throws {
        let own = try contracts.contracts(of: accounts, periods: ownPeriods)
        let standard = try contracts.contract("standard", monthEnd: periods.last?.period.end ?? .distantFuture)
        let judging = Self.listed(standard, stretches.map(\.contract) + own)
        let timeZone = onlyAccount?.timeZone ?? standard.profile.timeZone
        guard let period = periods.last?.period, period.start < snapshotAt else {
            throw DaybookError.usage("The month \(request.month) has not begun in \(timeZone); choose an earlier one.")
        }
        let judged = ReportScope(
            title: "The SLA report of \(request.month)", period: period, contracts: judging, cutoff: request.cutoff,
            snapshotAt: snapshotAt)
        self.init(
            request: request, accounts: accounts, onlyAccount: onlyAccount, areApart: onlyAccount != nil,
            contracts: judging, stretches: stretches, ownContracts: own, timeZone: timeZone,
            clock: try clock(timeZone, period) ?? .utc, judged: judged,
            earlier: periods.dropLast().map { month, period in
                JudgedMonth(
                    month: month, period: period,
                    cutoff: min(ReportScope.finality(of: period, judging), judged.cutoff))
            },
            ownPeriods: Dictionary(uniqueKeysWithValues: zip(accounts.map(\.slug), ownPeriods)),
            standIns: standIns, isOneSnapshot: isOneSnapshot)
    }

    /// How far a report of a month shows instants: until service credits may be asked for.
    static func lastShown(_ period: Period) -> Instant {
        period.end.adding(seconds: (Limits.creditRequestDays + 2) * 86_400)
    }

    /// Relations of the queries in the places of others, by what the database has.
    static func standIns(_ session: Session, _ catalog: Catalog) throws -> [String: String] {
        if catalog.isDivided { return QueryLibrary.dividedReading }
        return try WantedIndex.findMonths(session, catalog: catalog) ? QueryLibrary.monthFinding : [:]
    }

    /// The reported month and those before it that its trend shows, oldest first.
    static func months(upTo month: Month) -> [Month] {
        (0..<Limits.trendMonths).reversed().compactMap { month.adding(months: -$0) }
    }

    /// Throws `tryAgain` on a standby that has yet to replay what the report counts, and `usage` for a cutoff that lies
    /// before the month, or is still to come.
    func requireReplayed(_ session: Session) throws {
        try judged.requireReplayed(session)
        try judged.requireKnownCutoff()
        if let cutoff = request.cutoff, cutoff < judged.period.start {
            throw DaybookError.usage(
                "The cutoff \(cutoff) lies before the month, which starts at \(judged.period.start).")
        }
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
    static func listed(_ standard: Contract, _ others: [Contract]) -> [Contract] {
        let byDigest = Dictionary(others.map { ($0.sha256, $0) }) { first, _ in first }
        let rest = byDigest.values.filter { $0.sha256 != standard.sha256 }.sorted { left, right in
            left.profile.name == right.profile.name
                ? left.profile.version < right.profile.version
                : left.profile.name.utf8.lexicographicallyPrecedes(right.profile.name.utf8)
        }
        return [standard] + rest
    }
}
