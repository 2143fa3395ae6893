/// The service credit of a month, as far as its components were monitored.
public struct ServiceCredit: Hashable, Sendable {
    /// The worst component that was monitored enough; nil without any.
    public let worst: Attainment?
    /// The share of the monthly fee; nil where nobody knows whether there is one.
    public let tier: Percent?
    /// True where a component that was not monitored enough may have been worse.
    public let isLeast: Bool

    /// Judges the components of a month. Switching a prober off neither earns a credit nor saves one: without enough
    /// minutes of every component, a tier is the least that it can be, and none is unknown.
    public init(_ components: [AvailabilityFigure], _ profile: ContractProfile) {
        let judged = components.filter { $0.total > 0 }
        let sufficient = judged.filter { $0.isSufficient(profile) }
        worst = sufficient.map(\.attainment).min { $0.good < $1.good }
        let tier = worst.map { profile.serviceCredit(for: $0) }
        let isWhole = !judged.isEmpty && sufficient.count == judged.count
        isLeast = !isWhole && (tier ?? .zero) > .zero
        self.tier = isWhole || isLeast ? tier : nil
    }
}
