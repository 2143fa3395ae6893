import Domain

/// How one promise went in one month of the trend.
struct TrendPoint: Sendable {
    let month: Month
    let promise: Promise.Name
    /// The component or model; empty for refunds.
    let subject: String
    let target: Percent?
    let attainment: Attainment
    let verdict: Verdict

    /// Attained in percent; nil where there is too little data to know it.
    var attained: Percent? { verdict == .insufficientData ? nil : attainment.percent }
}
