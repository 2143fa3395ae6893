/// Pauses before trying again.
enum Backoff {
    private static let longestSeconds: Int64 = 300

    /// Engine seconds after the attempt of a number from 1: 2, 4, 8, … at most five minutes.
    static func seconds(attempt: Int64) -> Int64 {
        min(1 << min(max(attempt, 1), 16), longestSeconds)
    }
}
