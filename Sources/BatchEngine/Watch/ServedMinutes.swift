import Domain
public import Postgres

/// The calls that one server has answered and not written yet, by the minute: a pure value.
///
/// It has as many entries as there are minutes and durations, however many calls are made.
public struct ServedMinutes: Sendable {
    /// Minutes that are kept while they cannot be written: a day of them.
    static let mostKept = 1_440
    /// Whole milliseconds up to which a duration is kept as it is; longer ones have seven binary digits.
    static let exactMilliseconds: Int64 = 127
    /// Longer ones count as this: an hour.
    static let mostMilliseconds: Int64 = 3_600_000

    /// What a minute came to.
    public struct Counts: Sendable, Hashable {
        public fileprivate(set) var requests: Int64 = 0
        public fileprivate(set) var serverErrors: Int64 = 0
        /// How many answers took so many milliseconds.
        public fileprivate(set) var answers: [Int64: Int64] = [:]
    }

    /// By the number of the minute since 1970.
    public private(set) var counts: [Int64: Counts] = [:]
    /// What is before this has been taken, and is not counted any more.
    private var firstOpen = Int64.min

    public init() {}

    public var isEmpty: Bool { counts.isEmpty }

    /// Counts an answer. One of a minute that was taken counts in the next: a clock that is put back counts nothing
    /// twice.
    public mutating func note(minute: Int64, isServerError: Bool, took duration: Duration) {
        let milliseconds = Self.milliseconds(duration)
        var minuteCounts = counts[max(minute, firstOpen)] ?? Counts()
        minuteCounts.requests += 1
        minuteCounts.serverErrors += isServerError ? 1 : 0
        minuteCounts.answers[milliseconds, default: 0] += 1
        counts[max(minute, firstOpen)] = minuteCounts
    }

    /// Takes the minutes that are over.
    public mutating func take(before minute: Int64) -> ServedMinutes {
        var taken = ServedMinutes()
        taken.counts = counts.filter { $0.key < minute }
        for minute in taken.counts.keys { counts[minute] = nil }
        firstOpen = max(firstOpen, minute)
        return taken
    }

    /// Takes back what could not be written; gives how many minutes there is no room for, the oldest ones.
    public mutating func takeBack(_ taken: ServedMinutes) -> Int {
        counts.merge(taken.counts) { own, _ in own }
        let forgotten = counts.keys.sorted().dropLast(Self.mostKept)
        for minute in forgotten { counts[minute] = nil }
        return forgotten.count
    }

    /// Whole milliseconds, rounded up: exact up to ``exactMilliseconds``, then at most a 64th too long.
    static func milliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        guard seconds < mostMilliseconds / 1_000 else { return mostMilliseconds }
        let whole = max(seconds * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000, 0)
        let digits = Int64.bitWidth - whole.leadingZeroBitCount
        let shift = max(digits - 7, 0)
        return min(((whole + (1 << shift) - 1) >> shift) << shift, mostMilliseconds)
    }

    /// Writes all of it, each minute once, however often it is tried. Run it in a transaction.
    public func write(server: String, _ session: Session) throws {
        for (minute, counts) in counts.sorted(by: { $0.key < $1.key }) {
            let answers = counts.answers.sorted { $0.key < $1.key }
            try session.execute(
                """
                INSERT INTO daybook.served_minute (minute, server_id, requests, server_errors, milliseconds, answers)
                VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (minute, server_id) DO NOTHING
                """,
                [
                    .instant(Instant(microseconds: minute * 60_000_000)), .uuid(server), .int(counts.requests),
                    .int(counts.serverErrors), .ints(answers.map(\.key)), .ints(answers.map(\.value)),
                ])
        }
    }
}
