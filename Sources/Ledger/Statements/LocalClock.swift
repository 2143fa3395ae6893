import Domain
import Postgres

/// Writes instants as the clocks of a time zone show them, with their offset: `2026-10-01T00:00:00.000000-04:00`.
struct LocalClock: Sendable {
    /// Offsets from UTC in seconds, each from an instant on; the first holds before it too.
    private var changes: [(from: Instant, seconds: Int64)]

    init(changes: [(from: Instant, seconds: Int64)]) {
        precondition(!changes.isEmpty, "a clock has an offset")
        self.changes = changes
    }

    /// The offset at an instant, in seconds ahead of UTC.
    func offset(at instant: Instant) -> Int64 {
        var seconds = changes[0].seconds
        for change in changes.dropFirst() where change.from <= instant { seconds = change.seconds }
        return seconds
    }

    /// Appends the instant in local time with its offset.
    func append(_ instant: Instant, to bytes: inout [UInt8]) {
        let seconds = instant.isFinite ? offset(at: instant) : 0
        instant.adding(seconds: seconds).appendUTF8(to: &bytes)
        guard instant.isFinite else { return }
        bytes.removeLast(6)
        let magnitude = abs(seconds)
        bytes.append(seconds < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        Self.appendTwo(magnitude / 3600, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        Self.appendTwo(magnitude / 60 % 60, to: &bytes)
    }

    /// The instant in local time with its offset.
    func text(_ instant: Instant) -> String {
        var bytes: [UInt8] = []
        append(instant, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `2026-10-31 18:30`: for people, on the page.
    func shortText(_ instant: Instant) -> String {
        var bytes: [UInt8] = []
        appendShort(instant, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends what `shortText` gives.
    func appendShort(_ instant: Instant, to bytes: inout [UInt8]) {
        let start = bytes.count
        append(instant, to: &bytes)
        guard instant.isFinite else { return }
        // `2026-10-31T18:30` of the long form; years beyond 9999 have more digits.
        let time = bytes[start...].lastIndex(of: UInt8(ascii: "T")) ?? start
        bytes[time] = UInt8(ascii: " ")
        bytes.removeLast(bytes.count - time - 6)
    }

    private static func appendTwo(_ number: Int64, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "0") + UInt8(number / 10 % 10))
        bytes.append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}
