/// Simulated time: microseconds since the start, so many times faster than real ones, and movable by hand.
struct SimulatedClock: Sendable {
    /// Simulated seconds a real second; 0 stands still and moves by hand only.
    let scale: Int64
    private let startedAt = ContinuousClock.now
    private var advanced: Int64 = 0

    init(scale: Int64) {
        self.scale = scale
    }

    /// Microseconds since the start.
    var now: Int64 {
        guard scale > 0 else { return advanced }
        let (seconds, attoseconds) = (ContinuousClock.now - startedAt).components
        return (seconds * 1_000_000 + attoseconds / 1_000_000_000_000) * scale + advanced
    }

    mutating func advance(byMicroseconds microseconds: Int64) {
        advanced += microseconds
    }
}
