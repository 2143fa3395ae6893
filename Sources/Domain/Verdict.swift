/// The outcome of a promise, in the words of the report.
public enum Verdict: String, Sendable, CaseIterable {
    case pass
    case breach
    /// There was nothing to judge, or the contract names no target.
    case notApplicable = "not applicable"
    /// Too little was measured to judge honestly.
    case insufficientData = "insufficient data"
}
