import BatchEngine
import Domain
import Foundation
import Logging
import Postgres
import TestSupport
import Testing

/// What workers cost that have nothing to do, and how they hear that there is something.
@Suite(.serialized, .timeLimit(.minutes(5))) struct IdleTests {
    /// A provider that nobody reaches.
    private struct DeafProvider: Provider {
        func submit(_ request: ProviderRequest) async -> SubmissionAnswer { .unknown(remark: "nobody is there") }
        func status(of providerTaskID: String) async -> ProviderStatus { .unreadable(remark: "nobody is there") }
    }

    /// What the server has done since it was made.
    private struct Counts {
        let syncs: Int64
        /// Statements that clients sent, as its log has them.
        let statements: Int
        let connections: Int64
    }

    /// The body beside so many workers, each of which has begun.
    private static func beside(
        workers: Int, on settings: ConnectionSettings, heartbeatMilliseconds: Int64 = 1000,
        _ body: () async throws -> Void
    ) async throws {
        let folder = try ScratchFolder()
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let workerSettings = try WorkerSettings(
            spoolFolder: folder.path, heartbeatMilliseconds: heartbeatMilliseconds,
            silenceMilliseconds: 4 * heartbeatMilliseconds)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<workers {
                let worker = Worker(
                    provider: DeafProvider(), settings: workerSettings,
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onBegin: { begin.yield() }
                ) {
                    try await Connection.open(settings).direct(for: "A worker")
                }
                group.addTask { try await worker.run() }
            }
            var iterator = begun.makeAsyncIterator()
            for _ in 0..<workers { await iterator.next() }
            try await body()
            group.cancelAll()
        }
    }

    private static func run<Result: Sendable>(
        _ settings: ConnectionSettings, _ body: @Sendable (Session) throws -> Result
    ) async throws -> Result {
        let connection = try await Connection.open(settings)
        let result = try await connection.run(body)
        await connection.close()
        return result
    }

    private static func counts(_ session: Session, _ cluster: TestCluster, after seconds: Int) throws -> Counts {
        // The server takes its time, so that nobody sleeps here.
        try session.execute("SELECT pg_sleep(\(seconds))")
        let row = try session.query(
            """
            SELECT w.wal_sync AS syncs, (
                    SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                ) AS connections
            FROM pg_stat_wal AS w
            """)[0]
        let log = try String(contentsOfFile: cluster.folder + "/log", encoding: .utf8)
        return Counts(
            syncs: try row.int("syncs"),
            statements: log.split(separator: "\n").count { line in
                line.contains("LOG:  statement: ") || line.contains("LOG:  execute ")
            }, connections: try row.int("connections"))
    }

    @Test func `workers without work write a sign of life a second, and wait for no disk`() async throws {
        let (workers, seconds) = (6, 6)
        let cluster = try TestCluster(
            port: 5478, settings: ["synchronous_commit": "on", "fsync": "on", "log_statement": "all"])
        let settings = cluster.settings()
        try await ProgramRun.expectingSuccess(["database", "migrate", "--database", Deployment.conninfo(settings)])
        try await Self.beside(workers: workers, on: settings) {
            let (before, after) = try await Self.run(settings) { session in
                // What workers do once at their start, and the connection that they need for it, is over by then.
                let before = try Self.counts(session, cluster, after: 10)
                return (before, try Self.counts(session, cluster, after: seconds))
            }
            let syncs = after.syncs - before.syncs
            // Less what this test asks itself.
            let statements = after.statements - before.statements - 2
            // A writer of the server's own flushes what waits for nobody, five times a second.
            #expect(syncs <= 10 * seconds, "\(syncs) syncs in \(seconds) seconds")
            #expect(statements <= workers * (seconds + 1), "\(statements) statements in \(seconds) seconds")
            #expect(statements >= workers * seconds / 2, "\(statements) statements in \(seconds) seconds")
            #expect(after.connections <= 2 * workers, "\(after.connections) connections")
        }
        try cluster.stop()
    }

    @Test func `a worker hears of new work before its next look`() async throws {
        try await withEngine { settings in
            let customer = try await TestCustomer.create(in: settings, purchased: 1000)
            try await Self.beside(workers: 1, on: settings, heartbeatMilliseconds: 30_000) {
                let isTaken = try await Self.run(settings) { session in
                    _ = try Batches(session, of: customer).create(
                        Sample.request("r", items: 3), by: nil, from: Sample.origin)
                    for _ in 0..<100 {
                        let row = try session.query(
                            """
                            SELECT count(*) = 3 AS is_taken, pg_sleep(0.1)::text FROM daybook.task WHERE state <> 'ready'
                            """)[0]
                        if try row.bool("is_taken") { return true }
                    }
                    return false
                }
                #expect(isTaken)
            }
        }
    }

    @Test func `rows of workers that are gone for a week go, and nobody reads the others`() async throws {
        try await withEngine { settings in
            try await Self.run(settings) { session in
                try session.executeScript(
                    """
                    INSERT INTO daybook.worker (host, process_id, state, started_at, heartbeat_at, ended_at)
                    SELECT 'old', n, CASE n % 2 WHEN 0 THEN 'dead' ELSE 'stopped' END, now() - interval '9 days',
                        now() - interval '8 days', now() - n * interval '1 hour'
                    FROM generate_series(1, 5000) AS n;
                    """)
                let queue = WorkQueue(session)
                let worker = try queue.register(host: "test", processID: 1)
                let week: Int64 = 7 * 24
                for _ in 0..<60 { _ = try session.transaction { try queue.bury(silenceMilliseconds: 3_600_000) } }
                let left = try session.query("SELECT count(*) AS n, max(ended_at) AS last FROM daybook.worker")[0]
                #expect(try left.int("n") == week)
                try session.executeAlone("VACUUM daybook.worker")
                let quiet = try undone(in: session) { try queue.bury(silenceMilliseconds: 3_600_000) }
                #expect(quiet.0.isEmpty && quiet.read <= 20, "\(quiet)")
                try queue.heartbeat(worker)
            }
        }
    }
}
