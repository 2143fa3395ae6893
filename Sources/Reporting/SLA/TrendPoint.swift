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
}
