/// What a contract promises: versioned data, printed with its digest in every report that used it.
public struct ContractProfile: Hashable, Sendable {
    /// The clock by which a completion is judged.
    public enum Clock: String, Sendable, CaseIterable {
        /// From the instant the task was created.
        case accept
        /// From the instant the task was handed to the provider.
        case dispatch
    }

    /// Endings that a contract may leave out of the completion figures.
    public enum Exclusion: String, Sendable, CaseIterable {
        case inputRefused = "input_refused"
        case cancelled
        case providerOutage = "provider_outage"
    }

    /// The completion promise of one model.
    public struct Completion: Hashable, Sendable {
        public let target: Percent
        public let limitSeconds: Int64

        public init(target: Percent, limitSeconds: Int64) {
            self.target = target
            self.limitSeconds = limitSeconds
        }
    }

    /// The default model of a profile that names none.
    public static let standardModel = "sora-2"

    public let name: String
    public let version: Int64
    /// The IANA time zone of reports on everybody.
    public let timeZone: String
    public let availabilityTarget: Percent
    /// The share of minutes that must have been monitored for a verdict.
    public let monitoredTarget: Percent
    /// Hours by which maintenance must have been announced ahead to be excluded.
    public let maintenanceNoticeHours: Int64
    public let clock: Clock
    /// By model. A model that is not here is counted, and not judged.
    public let completions: [String: Completion]
    /// What a task without a model is: the one that the application means.
    public let defaultModel: String
    public let exclusions: Set<Exclusion>
    public let refundDeadlineSeconds: Int64
    public let stuckAfterHours: Int64
    public let serviceCredits: [ServiceCreditTier]

    /// The longest completion limit in seconds, 0 without any.
    public var longestLimitSeconds: Int64 { completions.values.map(\.limitSeconds).max() ?? 0 }

    /// The share of the monthly fee for an availability, 0 where the target is met.
    ///
    /// The exact ratio is compared with the half-open tiers, never its rounded form.
    public func serviceCredit(for availability: Attainment) -> Percent {
        guard availability.valid > 0 else { return .zero }
        let tier = serviceCredits.first { availability.meets($0.from) && !availability.meets($0.below) }
        return tier?.credit ?? .zero
    }
}

/// One line of a contract's service credits: an availability in [from, below) earns a share of the monthly fee.
public struct ServiceCreditTier: Hashable, Sendable {
    /// The lowest availability of the tier, inclusive.
    public let from: Percent
    /// The upper end of the tier, exclusive.
    public let below: Percent
    /// The share of the monthly fee.
    public let credit: Percent

    public init(from: Percent, below: Percent, credit: Percent) {
        self.from = from
        self.below = below
        self.credit = credit
    }

    /// The sentence that says why tiers do not cover [0, target) exactly once, or nil where they do.
    public static func defect(of tiers: [ServiceCreditTier], target: Percent) -> String? {
        var covered = Percent.zero
        for tier in tiers.sorted(by: { $0.from < $1.from }) {
            guard tier.from < tier.below else { return "the tier from \(tier.from) ends before it starts" }
            guard tier.credit >= .zero, tier.credit <= .hundred else {
                return "the tier from \(tier.from) gives \(tier.credit) % of the fee"
            }
            if tier.from > covered { return "no tier covers \(covered) to \(tier.from)" }
            if tier.from < covered { return "two tiers cover \(tier.from)" }
            covered = tier.below
        }
        if covered < target { return "no tier covers \(covered) to the target of \(target)" }
        if covered > target { return "the tiers reach \(covered), above the target of \(target)" }
        return nil
    }
}
