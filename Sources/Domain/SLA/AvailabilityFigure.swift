/// Minutes of one probed component in a period, as counted.
public struct AvailabilityFigure: Hashable, Sendable {
    public let component: String
    /// Minutes of the period up to the cutoff.
    public let total: Int64
    /// Minutes with at least one probe.
    public let monitored: Int64
    /// Minutes in which every probe failed.
    public let down: Int64
    /// Down minutes inside maintenance that was announced in time.
    public let excluded: Int64

    /// Precondition: 0 ≤ excluded ≤ down ≤ monitored ≤ total.
    public init(component: String, total: Int64, monitored: Int64, down: Int64, excluded: Int64) {
        precondition(
            0 <= excluded && excluded <= down && down <= monitored && monitored <= total, "minutes are counted once")
        self.component = component
        self.total = total
        self.monitored = monitored
        self.down = down
        self.excluded = excluded
    }

    /// Down minutes that count against the promise.
    public var counted: Int64 { down - excluded }

    /// (total − counted) / total: exclusions are no downtime, and do not shrink the period.
    public var attainment: Attainment { Attainment(good: total - counted, valid: total) }

    /// The attainment in percent; nil where too few minutes were monitored to know it.
    public func attained(_ profile: ContractProfile) -> Percent? {
        isSufficient(profile) ? attainment.percent : nil
    }

    /// True where enough minutes were monitored.
    public func isSufficient(_ profile: ContractProfile) -> Bool {
        Attainment(good: monitored, valid: total).meets(profile.monitoredTarget)
    }

    /// The attainment if every unmonitored minute had been down.
    public var worstCase: Attainment { Attainment(good: monitored - counted, valid: total) }

    /// `insufficient data` where too few minutes were monitored: switching the prober off improves nothing.
    public func verdict(_ profile: ContractProfile) -> Verdict {
        guard total > 0 else { return .notApplicable }
        guard isSufficient(profile) else { return .insufficientData }
        return attainment.verdict(target: profile.availabilityTarget)
    }
}
