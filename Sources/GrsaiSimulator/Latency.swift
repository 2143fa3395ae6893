/// How long a task takes: a curve through P50 and P95, straight between its points, so that integers suffice.
struct Latency: Sendable, Hashable {
    let p50Seconds: Int64
    let p95Seconds: Int64

    /// The microseconds that a share of the tasks does not exceed.
    ///
    /// - Parameter millionths: the share, 0 to 1,000,000. The fastest take half of P50, the slowest twice P95.
    func microseconds(atMillionths millionths: Int64) -> Int64 {
        let p50 = p50Seconds * 1_000_000
        let p95 = p95Seconds * 1_000_000
        let points: [(share: Int64, time: Int64)] = [
            (0, p50 / 2), (500_000, p50), (950_000, p95), (1_000_000, p95 * 2),
        ]
        let share = min(max(millionths, 0), 1_000_000)
        for (low, high) in zip(points, points.dropFirst()) where share <= high.share {
            // The widest step is two days in microseconds times a million: 18 digits, which fit.
            return low.time + (high.time - low.time) * (share - low.share) / (high.share - low.share)
        }
        return p95 * 2
    }
}
