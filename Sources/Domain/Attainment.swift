/// So many good ones out of so many valid ones.
public struct Attainment: Hashable, Sendable {
    public let good: Int64
    public let valid: Int64

    /// Precondition: 0 ≤ good ≤ valid.
    public init(good: Int64, valid: Int64) {
        precondition(good >= 0 && good <= valid, "good ones are among the valid ones")
        self.good = good
        self.valid = valid
    }

    /// good / valid, floored to four decimals of a percent; nil where nothing is valid.
    public var percent: Percent? {
        guard valid > 0 else { return nil }
        let scaled = good.multipliedFullWidth(by: Percent.hundred.tenThousandths)
        return Percent(tenThousandths: valid.dividingFullWidth(scaled).quotient)
    }

    /// True if good / valid is at least the target, compared as integers.
    public func meets(_ target: Percent) -> Bool {
        let attained = good.multipliedFullWidth(by: Percent.hundred.tenThousandths)
        let required = valid.multipliedFullWidth(by: target.tenThousandths)
        return (attained.high, attained.low) >= (required.high, required.low)
    }

    /// The verdict against a target: `not applicable` where nothing is valid or there is no target.
    public func verdict(target: Percent?) -> Verdict {
        guard valid > 0, let target else { return .notApplicable }
        return meets(target) ? .pass : .breach
    }
}
