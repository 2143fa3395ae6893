import Domain
import Testing

@testable import Schema

/// What a standby may say of a month, by how far it has replayed.
@Suite struct ReportScopeTests {
    /// Instants of one story: a month's finality is at hour 100.
    private static func hour(_ hour: Int64) -> Instant { Instant(microseconds: hour * 3_600_000_000) }

    private static func refusal(cutoff: Int64? = nil, replayed: Int64, now: Int64) -> DaybookError? {
        ReportScope(
            title: "The SLA report of 2026-10", period: Period(start: hour(0), end: hour(70)), finalityAt: hour(100),
            cutoff: cutoff.map(hour), snapshotAt: hour(now)
        ).refusal(replayedAt: hour(replayed), now: hour(now))
    }

    @Test func `a month that is final needs a standby that has replayed past its finality`() {
        let refusal = Self.refusal(replayed: 99, now: 101)
        #expect(refusal?.kind == .tryAgain)
        #expect(refusal?.sentence.contains("needs what the primary had at \(Self.hour(100))") == true)
        #expect(refusal?.sentence.contains("has replayed it to \(Self.hour(99))") == true)
        #expect(Self.refusal(replayed: 100, now: 101) == nil)
        #expect(Self.refusal(replayed: 101, now: 101) == nil)
    }

    @Test func `a month that is not final is preliminary on a standby as on its primary`() {
        #expect(Self.refusal(replayed: 50, now: 99) == nil)
    }

    @Test func `a cutoff needs what was there at that instant, and no more`() {
        #expect(Self.refusal(cutoff: 40, replayed: 50, now: 200) == nil)
        #expect(Self.refusal(cutoff: 60, replayed: 50, now: 200)?.kind == .tryAgain)
        // After its finality nothing of a month counts any more.
        #expect(Self.refusal(cutoff: 150, replayed: 120, now: 200) == nil)
        #expect(Self.refusal(cutoff: 150, replayed: 90, now: 200)?.kind == .tryAgain)
        // A cutoff that is still to come is refused elsewhere, as on a primary.
        #expect(Self.refusal(cutoff: 60, replayed: 50, now: 55) == nil)
    }
}
