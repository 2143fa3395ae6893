import Domain
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Retention

/// Holds that are placed while a purge removes videos.
@Suite struct VideoHoldTests {
    /// A store that does what a test does when a video is removed.
    private struct WatchedStore: VideoRemoval {
        let body: @Sendable (String) async throws -> Bool

        func remove(_ taskID: String, digest: [UInt8]) async throws -> Bool { try await body(taskID) }
    }

    /// What happened, in its order, and the hold that is being placed.
    private final class Watch: Sendable {
        let events = Mutex<[String]>([])
        let holding = Mutex<Task<Void, any Error>?>(nil)

        func note(_ event: String) { events.withLock { $0.append(event) } }

        /// Begins to place a hold and comes back when the database shows that it waits.
        func begin(_ purging: Purging) async throws {
            holding.withLock { holding in
                holding = Task {
                    let connection = try await Connection.open(purging.settings)
                    _ = try await Holds().place(
                        .batch(PlantedStore.batch(4)), matter: "m", requestedBy: "counsel", connection)
                    note("held")
                    await connection.close()
                }
            }
            for _ in 0..<200 {
                let waiting = try await purging.number(
                    """
                    SELECT (count(*) + (pg_sleep(0.05) IS NULL)::integer)::text FROM pg_locks
                    WHERE locktype = 'advisory' AND NOT granted
                        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                    """)
                if waiting > 0 { return note("waiting") }
            }
        }
    }

    /// A purge of everything that is due, whose store does what is said.
    private static func withPurge(
        of purging: Purging, removing: @escaping @Sendable (String) async throws -> Bool,
        _ body: (Purge, RetentionPlan) async throws -> Void
    ) async throws {
        let now = Instant(microseconds: Int64(Date().timeIntervalSince1970) * 1_000_000)
        var told = try purging.purgeSettings(archive: nil)
        told.asOf = CalendarDate(year: 2026, month: 11, day: 5)
        told.hostClock = { now }
        told.expectedRows = Int64(try await PlanFile(purging.settings, Purging.date).sum("due_rows"))
        told.openVideos = { _ in WatchedStore(body: removing) }
        try FileManager.default.createDirectory(atPath: purging.certificates, withIntermediateDirectories: true)
        let connection = try await Connection.open(purging.settings)
        let purge = Purge(told, try await connection.direct(for: "A purge"))
        try await body(purge, try await purge.prepare())
        await connection.close()
    }

    @Test func `whoever places a hold waits for the removals under way`() async throws {
        try await PlantedStore.with { planted in
            let purging = planted.purging
            let watch = Watch()
            try await Self.withPurge(of: purging) { taskID in
                if watch.events.withLock({ $0.isEmpty }) { try await watch.begin(purging) }
                watch.note(String(taskID.suffix(1)))
                return true
            } _: { purge, plan in
                let outcome = try await purge.run(plan)
                #expect(outcome.remainingRows == 0)
            }
            try await watch.holding.withLock(\.self)?.value
            #expect(watch.events.withLock(\.self) == ["waiting", "1", "4", "7", "6", "held"])
        }
    }

    @Test func `a purge that lost its session removes nothing more`() async throws {
        try await PlantedStore.with { planted in
            let purging = planted.purging
            let watch = Watch()
            try await Self.withPurge(of: purging) { taskID in
                watch.note(String(taskID.suffix(1)))
                _ = try await purging.number(
                    """
                    SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """)
                return true
            } _: { purge, plan in
                await #expect(throws: StoppedRun.self) { _ = try await purge.run(plan) }
            }
            // Its lock went with the session: from then on a hold is acknowledged at once.
            #expect(watch.events.withLock(\.self) == ["1"])
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.video_copy WHERE gone_at IS NULL") > 1)
        }
    }
}
