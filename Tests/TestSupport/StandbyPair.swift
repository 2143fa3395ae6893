public import Postgres

/// A primary and a standby that streams from it, which one suite shares.
public struct StandbyPair: Sendable {
    /// The line of pg_hba.conf by which a primary lets a standby copy it.
    public static let admission = ["local replication all trust"]

    public let primary: TestCluster
    public let standby: TestCluster

    /// Starts both. `settings` are the standby's own. What stands in the way of its readers is what a test does: the
    /// primary cleans nothing up by itself.
    public init(settings: [String: String] = [:]) throws {
        primary = try TestCluster(settings: ["autovacuum": "off"], hbaLines: Self.admission)
        standby = try primary.replica(port: 5433, settings: settings)
    }

    /// A standby of a cluster that admits one.
    public init(of primary: TestCluster, settings: [String: String] = [:]) throws {
        self.primary = primary
        standby = try primary.replica(port: 5433, settings: settings)
    }

    /// How to reach a database of the primary on the standby.
    public func onStandby(_ settings: ConnectionSettings) -> ConnectionSettings {
        var settings = settings
        settings.options["host"] = standby.folder
        settings.options["port"] = String(standby.port)
        return settings
    }

    /// How to reach whichever of the two is there, the primary first.
    public func onEither(_ settings: ConnectionSettings) -> ConnectionSettings {
        var settings = settings
        settings.options["host"] = "\(primary.folder),\(standby.folder)"
        settings.options["port"] = "\(primary.port),\(standby.port)"
        return settings
    }

    /// Waits until the standby has replayed everything that the primary has now.
    public func catchUp() async throws {
        let connection = try await Connection.open(primary.settings())
        let position = try await connection.run { session in
            // Only what is flushed is sent, and a commit that waits for that flushes everything before it.
            try session.executeScript(
                "SET synchronous_commit = local; SELECT pg_logical_emit_message(true, 'daybook', 'catching up')")
            return try session.query("SELECT pg_current_wal_flush_lsn()::text AS lsn")[0].text("lsn")
        }
        await connection.close()
        try await wait(until: "SELECT pg_last_wal_replay_lsn() >= '\(position)'::pg_lsn", "the standby has caught up")
    }

    /// Waits until a question that the standby is asked is answered with yes.
    public func wait(until question: String, _ what: String, seconds: Int64 = 60) async throws {
        let connection = try await Connection.open(standby.settings())
        let deadline = ContinuousClock.now + .seconds(seconds)
        var isSo = false
        while !isSo, ContinuousClock.now < deadline {
            // The server takes its time, so that nobody sleeps here.
            isSo = try await connection.run { session in
                try session.query("SELECT (\(question)) AS is_so, pg_sleep(0.02)::text AS paused")[0].bool("is_so")
            }
        }
        await connection.close()
        guard isSo else { throw TestSupportError("It did not come to pass that \(what).") }
    }

    /// Runs a script on the standby.
    public func tell(_ sql: String) async throws { try await execute(sql, in: standby.settings()) }
}
