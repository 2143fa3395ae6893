import Domain
import Postgres
import TestSupport
import Testing

@testable import BatchEngine

/// The minutes that a server counts of itself.
@Suite struct ServedMinutesTests {
    @Test func `a duration is exact up to 127 ms, and never shorter nor more than a 64th longer than it was`() {
        var random = SeededRandom(seed: 1)
        for _ in 0..<20_000 {
            let microseconds = Int64.random(in: 0...(1 << Int64.random(in: 1...31, using: &random)), using: &random)
            let whole = (microseconds + 999) / 1_000
            let kept = ServedMinutes.milliseconds(.microseconds(microseconds))
            #expect(kept >= whole && (whole > 127 || kept == whole), "\(microseconds) µs are \(kept) ms")
            #expect((kept - whole) * 64 < max(whole, 1), "\(microseconds) µs are \(kept) ms")
        }
        #expect(ServedMinutes.milliseconds(.nanoseconds(1)) == 1)
        #expect(ServedMinutes.milliseconds(.zero) == 0)
        #expect(ServedMinutes.milliseconds(.seconds(1_000_000)) == 3_600_000)
    }

    @Test func `a minute that was taken is not counted again, even by a clock that was put back`() {
        var minutes = ServedMinutes()
        minutes.note(minute: 10, isServerError: false, took: .milliseconds(3))
        minutes.note(minute: 11, isServerError: true, took: .milliseconds(4))
        let taken = minutes.take(before: 11)
        #expect(taken.counts.keys.sorted() == [10] && minutes.counts.keys.sorted() == [11])
        minutes.note(minute: 9, isServerError: false, took: .milliseconds(5))
        #expect(minutes.counts[11]?.requests == 2 && minutes.counts[11]?.serverErrors == 1)
        #expect(minutes.counts[11]?.answers == [4: 1, 5: 1])
        #expect(minutes.takeBack(taken) == 0 && minutes.counts.keys.sorted() == [10, 11])
    }

    @Test func `what cannot be written for longer than a day is forgotten, the oldest first`() {
        var minutes = ServedMinutes()
        for minute in 0..<2_000 { minutes.note(minute: Int64(minute), isServerError: false, took: .zero) }
        let forgotten = minutes.takeBack(minutes.take(before: .max))
        #expect(forgotten == 560 && minutes.counts.keys.min() == 560 && minutes.counts.count == 1_440)
    }

    @Test func `minutes are written once, however often it is tried, and each server has its own`() async throws {
        try await withEngine { settings in
            let connection = try await Connection.open(settings)
            var minutes = ServedMinutes()
            for _ in 0..<3 { minutes.note(minute: 29_000_000, isServerError: false, took: .milliseconds(7)) }
            minutes.note(minute: 29_000_000, isServerError: true, took: .milliseconds(200))
            minutes.note(minute: 29_000_001, isServerError: false, took: .milliseconds(9))
            let (servers, written) = (
                ["00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"], minutes
            )
            for server in servers + servers {
                try await connection.transaction { try written.write(server: server, $0) }
            }
            let lines = try await connection.run { session in
                try session.query(
                    """
                    SELECT concat_ws(' ', extract(epoch FROM minute)::bigint, requests, server_errors, milliseconds,
                        answers) AS line
                    FROM daybook.served_minute ORDER BY server_id, minute
                    """
                ).map { try $0.text("line") }
            }
            await connection.close()
            let own = ["1740000000 4 1 {7,200} {3,1}", "1740000060 1 0 {9} {1}"]
            #expect(lines == own + own)
        }
    }
}
