import Dispatch
import Postgres
import TestSupport
import Testing

extension StandbyTests {
    /// What a standby stops to go on replaying.
    @Suite struct Conflicts {
        /// How a standby comes to stand in the way: rows that a snapshot sees go, or a table that is read.
        private static let obstacles = [
            "DELETE FROM books WHERE id <= 900; VACUUM (FREEZE, INDEX_CLEANUP ON) books", "DROP TABLE books",
        ]

        private static func apply(_ obstacle: String, _ settings: ConnectionSettings) async throws {
            for statement in obstacle.split(separator: "; ") { try await execute(String(statement), in: settings) }
        }

        @Test(arguments: obstacles) func `what replay stops while it runs is to be tried again, and says what to set`(
            obstacle: String
        ) async throws {
            try await StandbyTests.withPair { pair, primary, standby in
                let reader = try await Connection.open(standby)
                let runs =
                    "EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(99)%' AND pid <> pg_backend_pid())"
                let reading = Task {
                    try await reader.transaction(.snapshot) { session in
                        _ = try session.query("SELECT count(*) FROM books")
                        try session.execute("SELECT pg_sleep(99)")
                    }
                }
                try await pair.wait(until: runs, "a statement runs")
                try await Self.apply(obstacle, primary)
                let error = await #expect(throws: PostgresError.self) { _ = try await reading.value }
                Self.expectConflict(error)
                await reader.close()
            }
        }

        @Test(arguments: obstacles) func `what replay ends between two reads is to be tried again as well`(
            obstacle: String
        ) async throws {
            try await StandbyTests.withPair { pair, primary, standby in
                let reader = try await Connection.open(standby)
                let process = try await reader.run { $0.serverProcessID }
                let (isRead, isEnded) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
                let reading = Task {
                    try await reader.transaction(.snapshot) { session in
                        _ = try session.query("SELECT count(*) FROM books")
                        isRead.signal()
                        isEnded.wait()
                        _ = try session.query("SELECT count(*) FROM books")
                    }
                }
                await StandbyTests.wait(isRead)
                try await Self.apply(obstacle, primary)
                try await pair.wait(
                    until: "NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = \(process))", "the session is ended")
                isEnded.signal()
                let error = await #expect(throws: PostgresError.self) { try await reading.value }
                Self.expectConflict(error)
                await reader.close()
            }
        }

        @Test func `also where that comes with the answer to the first of them`() async throws {
            try await StandbyTests.withPair { pair, primary, standby in
                let relay = try await Relay(before: standby)
                let reader = try await Connection.open(relay.settings)
                let reading = Task {
                    try await reader.transaction(.snapshot) { session in
                        _ = try session.query("SELECT count(*) FROM books \(Relay.holding)")
                        _ = try session.query("SELECT count(*) FROM books")
                    }
                }
                try await pair.wait(
                    until: "EXISTS (SELECT FROM pg_stat_activity WHERE state = 'idle in transaction')",
                    "the first is answered")
                try await Self.apply(Self.obstacles[0], primary)
                let error = await #expect(throws: PostgresError.self) { try await reading.value }
                Self.expectConflict(error)
                await reader.close()
                await relay.stop()
            }
        }

        @Test func `what replay ends after the last read was read, whole`() async throws {
            try await StandbyTests.withPair { pair, primary, standby in
                let reader = try await Connection.open(standby)
                let process = try await reader.run { $0.serverProcessID }
                let (isRead, isEnded) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
                let reading = Task {
                    try await reader.transaction(.snapshot) { session in
                        let count = try session.query("SELECT count(*) FROM books")[0].int(0)
                        isRead.signal()
                        isEnded.wait()
                        return count
                    }
                }
                await StandbyTests.wait(isRead)
                try await Self.apply(Self.obstacles[0], primary)
                try await pair.wait(
                    until: "NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = \(process))", "the session is ended")
                isEnded.signal()
                #expect(try await reading.value == 1000)
                await reader.close()
            }
        }

        @Test func `a database that was dropped on the primary is not to be tried again`() async throws {
            let pair = try StandbyTests.pair.get()
            let database = try await TestDatabase.create(in: pair.primary)
            try await pair.catchUp()
            let reader = try await Connection.open(pair.onStandby(database.settings))
            let reading = Task { try await reader.transaction(.snapshot) { try $0.execute("SELECT pg_sleep(99)") } }
            try await pair.wait(
                until: "EXISTS (SELECT FROM pg_stat_activity WHERE datname = '\(database.name)' AND state = 'active')",
                "a statement runs")
            try await database.drop()
            let error = await #expect(throws: PostgresError.self) { _ = try await reading.value }
            #expect(error?.code == .databaseMissing)
            await reader.close()
        }

        private static func expectConflict(_ error: PostgresError?) {
            #expect(error?.code == .replayConflict, "\(error?.debugDescription ?? "")")
            for setting in ["max_standby_streaming_delay", "hot_standby_feedback", "try again"] {
                #expect(error?.sentence.contains(setting) == true)
            }
        }
    }
}
