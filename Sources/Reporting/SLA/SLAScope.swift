import Documents
import Domain
import Postgres
import Schema

/// Everything that is settled before the first figure is counted: whose month, from when to when, by which contracts.
struct SLAScope: Sendable {
    typealias Contract = Contracts.Contract

    /// A month with its two instants and the cutoff it is judged at.
    struct JudgedMonth: Sendable {
        let month: Month
        let period: Period
        let cutoff: Instant
    }

    let request: SLARequest
    /// All accounts by slug, or the one that is reported, under the terms of the reported month.
    let accounts: [Account]
    /// The one account that is reported, nil for everybody.
    let onlyAccount: Account?
    /// Contract profiles; the first is the standard one.
    let contracts: [Contract]
    /// Which of them judges which rows of whom.
    let stretches: [Contracts.Stretch]
    /// The contract of each account in its own month, in the order of ``accounts``.
    let ownContracts: [Contract]
    /// The IANA zone of the reported month.
    let timeZone: String
    /// The reported month, and as of when it is judged.
    let judged: ReportScope
    /// The months before the reported one, oldest first, each judged at its own finality.
    let earlier: [JudgedMonth]
    /// The month of every account in its own zone, by slug.
    let ownPeriods: [String: Period]

    /// The instant of the database snapshot.
    var snapshotAt: Instant { judged.snapshotAt }
    /// When everything that could still happen to the month has happened.
    var finalityAt: Instant { judged.finalityAt }
    /// `final` from the finality instant on, else `preliminary`.
    var isFinal: Bool { judged.isFinal }
    /// The reported month as the queries take it.
    var current: JudgedMonth { JudgedMonth(month: request.month, period: judged.period, cutoff: judged.cutoff) }
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
            "only_user": onlyAccount.map { .text($0.userID) } ?? .null,
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
        ]
    }
}
