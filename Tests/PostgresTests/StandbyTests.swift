import Dispatch
import Domain
import Postgres
import TestSupport
import Testing

/// A hot standby, made by `pg_basebackup`, that replays at once whatever stands in the way. Its suites share it, one
/// after another.
@Suite(.serialized, .timeLimit(.minutes(2))) enum StandbyTests {
    static let pair = Result {
        try StandbyPair(settings: ["max_standby_streaming_delay": "0", "max_standby_archive_delay": "0"])
    }

    /// Runs the body with a database of the test's own, on the primary and on the standby.
    nonisolated(nonsending) static func withPair(
        _ body: (StandbyPair, _ primary: ConnectionSettings, _ standby: ConnectionSettings) async throws -> Void
    ) async throws {
        let pair = try Self.pair.get()
        let database = try await TestDatabase.create(in: pair.primary)
        try await execute(
            """
            CREATE TABLE books (id bigint PRIMARY KEY);
            INSERT INTO books SELECT generate_series(1, 1000)
            """, in: database.settings)
        try await pair.catchUp()
        try await body(pair, database.settings, pair.onStandby(database.settings))
        try await database.drop()
    }

    /// Waits for a signal on a thread that nobody else needs.
    static func wait(_ signal: DispatchSemaphore) async {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "daybook.test.signal").async {
                signal.wait()
                continuation.resume()
            }
        }
    }

    /// Options of a transaction that says as of when it reads.
    static let noting = TransactionOptions(isolation: .repeatableRead, readOnly: true, notesReplay: true)

    /// The one value of a query, an instant.
    static func instant(_ sql: String, _ settings: ConnectionSettings) async throws -> Instant {
        let connection = try await Connection.open(settings)
        let instant = try await connection.run { try $0.query(sql)[0].instant(0) }
        await connection.close()
        return instant
    }
}

extension StandbyTests {
    /// As of when a standby shows the database.
    @Suite struct Instants {
        @Test func `the instant of a snapshot is never that of a change which it does not see`() async throws {
            try await StandbyTests.withPair { pair, primary, standby in
                try await pair.tell("SELECT pg_wal_replay_pause()")
                try await pair.wait(until: "pg_get_wal_replay_pause_state() = 'paused'", "replay pauses")
                let (isRead, isReplayed) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
                let writer = try await Connection.open(primary)
                let changedAt = try await writer.transaction { session in
                    try session.execute("SET LOCAL synchronous_commit = local")
                    try session.execute("INSERT INTO books VALUES (2000)")
                    return try session.query("SELECT clock_timestamp() AS now")[0].instant("now")
                }
                await writer.close()
                // The change is older than the transaction that reads, which does not see it.
                let reader = try await Connection.open(standby)
                async let reading = reader.transaction(StandbyTests.noting) { session in
                    let count = try session.query("SELECT count(*) FROM books")[0].int(0)
                    isRead.signal()
                    isReplayed.wait()
                    return (count, try session.snapshotInstant())
                }
                await StandbyTests.wait(isRead)
                try await pair.tell("SELECT pg_wal_replay_resume()")
                try await pair.catchUp()
                isReplayed.signal()
                let (count, snapshotAt) = try await reading
                #expect(count == 1000 && snapshotAt < changedAt, "\(snapshotAt) \(changedAt)")
                let (later, laterAt) = try await reader.transaction(StandbyTests.noting) { session in
                    (try session.query("SELECT count(*) FROM books")[0].int(0), try session.snapshotInstant())
                }
                #expect(later == 1001 && laterAt > changedAt)
                #expect(await reader.replay?.replayedAt == laterAt)
                await reader.close()
            }
        }

        @Test func `a standby that has replayed no change since it was started knows no more than its checkpoint`()
            async throws
        {
            try await StandbyTests.withPair { pair, primary, standby in
                // What is after the checkpoint holds no commit.
                try await execute("CHECKPOINT", in: primary)
                try await pair.wait(
                    until: "pg_last_wal_replay_lsn() > (SELECT redo_lsn FROM pg_control_checkpoint())", "it is replayed"
                )
                try await pair.tell("CHECKPOINT")
                let before = try await StandbyTests.instant("SELECT clock_timestamp()", primary)
                try pair.standby.stop()
                try pair.standby.start()
                try await pair.wait(
                    until: "pg_last_xact_replay_timestamp() IS NULL", "nothing was replayed since", seconds: 1)
                let reader = try await Connection.open(standby)
                let snapshotAt = try await reader.transaction(StandbyTests.noting) { try $0.snapshotInstant() }
                #expect(snapshotAt < before)
                await reader.close()
            }
        }

        @Test func `a primary notes nothing, and its snapshot is of now`() async throws {
            try await withConnection { connection in
                let (now, snapshotAt) = try await connection.transaction(StandbyTests.noting) { session in
                    let now = try session.query("SELECT transaction_timestamp() AS now")[0].instant("now")
                    return (now, try session.snapshotInstant())
                }
                #expect(now == snapshotAt)
                #expect(await connection.replay == nil)
            }
        }
    }
}
