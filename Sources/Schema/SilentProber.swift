public import Domain
package import Postgres

/// A target of which no probe has come for a while: what its prober does not say counts as unmonitored.
///
/// Whatever reads probes as of now says it: what finds silent probers and the words for them stand here alone.
public struct SilentProber: Sendable, Hashable {
    public let target: String
    /// The instant of its newest probe.
    public let lastAt: Instant
    /// For how long it has said nothing, in whole minutes.
    public let minutes: Int64

    /// Nil for one that has been heard of lately.
    public init?(target: String, lastAt: Instant, now: Instant) {
        guard lastAt < now.adding(seconds: -Limits.proberSilenceSeconds) else { return nil }
        self.target = target
        self.lastAt = lastAt
        minutes = now.microseconds(since: lastAt) / 60_000_000
    }

    /// The silent ones, by target; none where nothing is probed.
    package static func find(_ session: Session, _ catalog: Catalog, now: Instant) throws -> [SilentProber] {
        try session.query(
            """
            WITH probe AS (\(catalog.select(.probe)))
            SELECT target, max(probed_at) AS last_at FROM probe GROUP BY target ORDER BY target COLLATE "C"
            """
        ).compactMap { SilentProber(target: try $0.text("target"), lastAt: try $0.instant("last_at"), now: now) }
    }

    public var sentence: String {
        "The newest probe of \(target) is of \(lastAt), \(age) ago: is its prober running? The minutes since then "
            + "count as unmonitored."
    }

    private var age: String {
        let parts = [(minutes / 1_440, "day"), (minutes / 60, "hour"), (minutes, "minute")]
        let (count, unit) = parts.first { $0.0 > 1 } ?? parts[2]
        return "\(count) \(unit)\(count == 1 ? "" : "s")"
    }
}
