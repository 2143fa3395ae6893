import Dispatch
import Postgres
import TestSupport
import Testing

/// Limits of the server that would end a session half way.
@Suite(.timeLimit(.minutes(1))) struct SessionLimitTests {
    @Test(arguments: [nil, 18]) func `a role that may not lift a limit is told which`(version: Int?) async throws {
        let cluster = try version.map { try TestCluster(version: $0) } ?? TestCluster.shared
        let names = ["idle_in_transaction_session_timeout", "idle_session_timeout"]
        for name in names + (version == nil ? [] : ["transaction_timeout"]) {
            let relay = try await Relay(before: cluster.settings(), refusing: name)
            let error = await #expect(throws: PostgresError.self) {
                try await Connection.open(relay.settings).close()
            }
            await relay.stop()
            #expect(error?.code == .sessionLimit && error?.sqlState == .insufficientPrivilege)
            #expect(error?.sentence.contains("ALTER ROLE … SET \(name) = 0") == true, "\(error?.sentence ?? "")")
        }
        if version != nil { try cluster.stop() }
    }

    @Test func `a session that a limit ends says which, at its commit only where it may have changed something`()
        async throws
    {
        let limit = "idle_in_transaction_session_timeout"
        try await withDatabase { settings in
            let cases: [(TransactionOptions, PostgresError.Code?)] = [
                (.snapshot, nil), (TransactionOptions(), .sessionLimit),
            ]
            for (options, expected) in cases {
                let (worker, watcher) = (try await Connection.open(settings), try await Connection.open(settings))
                let process = try await worker.run { $0.serverProcessID }
                let (isSet, isEnded) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
                async let working: Void = worker.transaction(options) { session in
                    // What nobody can lift: somebody's function sets it in the midst of the transaction.
                    try session.execute("SELECT set_config('\(limit)', '20ms', true)")
                    isSet.signal()
                    isEnded.wait()
                }
                try await watcher.run { session in
                    isSet.wait()
                    while try session.query(
                        "SELECT pid::text, pg_sleep(0.02)::text FROM pg_stat_activity WHERE pid = $1::int",
                        [Value(process)]
                    ).count == 1 {}
                    isEnded.signal()
                }
                do {
                    try await working
                    #expect(expected == nil)
                } catch let error as PostgresError {
                    #expect(error.code == expected && error.sentence.contains(limit), "\(error.debugDescription)")
                }
                await worker.close()
                await watcher.close()
            }
        }
    }

    @Test func `it says so as well where its last words come with the answer before them`() async throws {
        let limit = "idle_in_transaction_session_timeout"
        let relay = try await Relay(before: try TestCluster.shared.settings())
        let idle = "SELECT set_config('\(limit)', '20ms', true) \(Relay.holding)"
        let reader = try await Connection.open(relay.settings)
        #expect(try await reader.transaction(.snapshot) { try $0.query(idle)[0].text(0) } == "20ms")
        await reader.close()
        for isIdleAtCommit in [true, false] {
            let writer = try await Connection.open(relay.settings)
            let error = await #expect(throws: PostgresError.self) {
                try await writer.transaction { session in
                    try session.execute(idle)
                    if !isIdleAtCommit { try session.execute("SELECT 1") }
                }
            }
            #expect(error?.code == .sessionLimit && error?.sentence.contains(limit) == true)
            // Whoever goes on is told the same.
            let again = await #expect(throws: PostgresError.self) {
                try await writer.run { try $0.execute("SELECT 1") }
            }
            #expect(again?.code == .sessionLimit)
            await writer.close()
        }
        await relay.stop()
    }
}
