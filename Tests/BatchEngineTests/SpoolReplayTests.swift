import Domain
import Formats
import Foundation
import Logging
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import BatchEngine

/// What becomes of the answers that a dead worker left, on a real database.
@Suite struct SpoolReplayTests {
    /// A database with submissions whose answers it does not have.
    private struct Engine {
        let connection: Connection
        let database: DatabaseIdentity
        let submissions: [Submission]

        init(_ settings: ConnectionSettings, submissions count: Int) async throws {
            let customer = try await TestCustomer.create(in: settings, purchased: 100_000)
            connection = try await Connection.open(settings)
            let made = try await connection.run { session in
                try session.execute("UPDATE daybook.model_gate SET max_in_flight = 10000")
                let outcome = try Batches(session, of: customer).create(
                    Sample.request("the batch", items: count), by: nil, from: Sample.origin)
                guard case .created = outcome else { throw TestSupportError("\(outcome)") }
                let submissions = try session.transaction {
                    let worker = try WorkQueue(session).register(host: "test", processID: 1)
                    return try WorkQueue(session).claim(worker, model: .sora2, limit: count, chunk: count)
                }
                return (database: try DatabaseIdentity(of: session), submissions: submissions)
            }
            (database, submissions) = (made.database, made.submissions)
        }

        /// The provider's answer to a submission.
        func answer(_ index: Int) -> AnswerSpool.Answer {
            AnswerSpool.Answer(
                userID: submissions[index].userID, nonce: submissions[index].nonce, providerTaskID: "provider-\(index)")
        }

        func line(_ index: Int) -> [UInt8] { SpoolLine.bytes(answer(index), of: database) }

        /// As the version before wrote it.
        func earlierLine(_ index: Int) -> String {
            let answer = answer(index)
            return "\(answer.userID) \(Hexadecimal.text(answer.nonce)) \(answer.providerTaskID)\n"
        }

        /// One worker's look at what is in a folder; it goes in order afterwards. Gives its log.
        func replay(_ folder: String) async throws -> [String] {
            let spool = try AnswerSpool(folder: folder, database: database)
            let log = LogLines()
            let replay = SpoolReplay(spool: spool, logger: log.logger) { [connection] body in
                try await connection.transaction { try body(WorkQueue($0)) }
            }
            try await replay.run()
            try await replay.run()
            spool.end()
            return log.lines
        }

        /// Which submissions the database knows to be accepted.
        func accepted() async throws -> [Int] {
            let ids = try await connection.run {
                try $0.query("SELECT provider_task_id FROM daybook.task WHERE state = 'accepted'").map {
                    try $0.text(0)
                }
            }
            return try ids.map { try #require(Int($0.dropFirst("provider-".count))) }.sorted()
        }
    }

    private static func withEngine(
        submissions: Int, _ body: (Engine, ScratchFolder) async throws -> Void
    ) async throws {
        try await TestSupport.withEngine { settings in
            let engine = try await Engine(settings, submissions: submissions)
            try await body(engine, try ScratchFolder())
            await engine.connection.close()
        }
    }

    @Test func `what cannot be read is set aside and named, and all around it is taken`() async throws {
        try await Self.withEngine(submissions: 6) { engine, folder in
            let lines: [[UInt8]] = [
                engine.line(0), [0, 255, 10], engine.line(1), Array("3 to be understood by others\n".utf8),
                SpoolLine.bytes(engine.answer(4), of: spoolDatabase),
                Array(String(repeating: "x", count: 200_000).utf8), [10], engine.line(2),
                Array(engine.line(3).dropLast(12)),
            ]
            let bytes = Array(lines.joined())
            let name = "answers.\(engine.database).1-1.log"
            try Data(bytes).write(to: URL(fileURLWithPath: folder.file(name)))
            let log = try await engine.replay(folder.path)
            #expect(try await engine.accepted() == [0, 1, 2])
            #expect(try folder.contents() == [name + ".aside": Data(bytes)])
            let line = try #require(log.first { $0.contains("set aside") })
            for word in [
                folder.file(name + ".aside"), "2 (not readable), 4 (a later version's), 5 (another database's)",
                "6 (not readable), 8 (not readable)",
            ] {
                #expect(line.contains(word), "\(line)")
            }
            #expect(log.count { $0.contains("aside") } == 1)
        }
    }

    @Test func `in a folder of two databases each takes its own, and loses none`() async throws {
        try await Self.withEngine(submissions: 8) { one, folder in
            try await Self.withEngine(submissions: 8) { other, _ in
                for engine in [one, other] {
                    _ = try deadSpool(in: folder.path, engine.database, (0..<4).map(engine.answer))
                }
                // The version before did not say whose they are.
                _ = try folder.write((4..<8).map(one.earlierLine).joined(), to: "answers-1-1.log")
                _ = try folder.write((4..<8).map(other.earlierLine).joined(), to: "answers-1-2.log")
                let log = try await one.replay(folder.path)
                #expect(try await one.accepted() == Array(0..<8))
                #expect(try await other.accepted().isEmpty)
                #expect(try folder.contents().count == 2)
                let named = log.filter { $0.contains("stay for another's worker") }
                #expect(named.count == 1 && named[0].contains(folder.file("answers-1-2.log")), "\(log)")
                _ = try await other.replay(folder.path)
                #expect(try await other.accepted() == Array(0..<8))
                #expect(try folder.contents().isEmpty)
            }
        }
    }

    @Test func `a long spool is taken in transactions of bounded size`() async throws {
        let count = 10 * Limits.spoolTransactionAnswers + 50
        try await Self.withEngine(submissions: count) { engine, folder in
            _ = try deadSpool(in: folder.path, engine.database, (0..<count).map(engine.answer))
            _ = try await engine.replay(folder.path)
            #expect(try await engine.accepted() == Array(0..<count))
            let row = try await engine.connection.run {
                try $0.query(
                    """
                    SELECT count(*) AS transactions, max(n) AS most
                    FROM (SELECT count(*) AS n FROM daybook.submission GROUP BY xmin::text) AS t
                    """)[0]
            }
            #expect(try row.int("transactions") == 11)
            #expect(try row.int("most") == Limits.spoolTransactionAnswers)
        }
    }

    @Test func `an answer that the database refuses keeps nobody waiting`() async throws {
        try await Self.withEngine(submissions: 5) { engine, folder in
            try await engine.connection.run {
                try $0.execute(
                    "ALTER TABLE daybook.submission ADD CONSTRAINT strange CHECK (provider_task_id <> 'provider-2')")
            }
            let name = try deadSpool(in: folder.path, engine.database, (0..<5).map(engine.answer))
            let log = try await engine.replay(folder.path)
            #expect(try await engine.accepted() == [0, 1, 3, 4])
            #expect(try folder.contents().keys.sorted() == [name + ".aside"])
            #expect(log.contains { $0.contains("3 (refused by the database)") }, "\(log)")
        }
    }

    @Test func `a full disk keeps nothing from being set aside`() async throws {
        try await Self.withEngine(submissions: 1) { engine, _ in
            let disk = try SmallDisk(kilobytes: 200)
            let name = "answers.\(engine.database).1-1.log"
            let bytes = Data("what is this?\n".utf8 + engine.line(0))
            try bytes.write(to: URL(fileURLWithPath: disk.path + "/" + name))
            try disk.fill(leaving: 0)
            let log = try await engine.replay(disk.path)
            #expect(try await engine.accepted() == [0])
            #expect(FileManager.default.contents(atPath: disk.path + "/" + name + ".aside") == bytes)
            #expect(log.count { $0.contains("was set aside") } == 1, "\(log)")
        }
    }

    @Test func `what cannot be set aside stays, is named once, and stops nobody`() async throws {
        try await Self.withEngine(submissions: 1) { engine, folder in
            let name = "answers.\(engine.database).1-1.log"
            let bytes = Data("what is this?\n".utf8 + engine.line(0))
            try bytes.write(to: URL(fileURLWithPath: folder.file(name)))
            try FileManager.default.createDirectory(
                atPath: folder.file(name + ".aside"), withIntermediateDirectories: false)
            let log = try await engine.replay(folder.path)
            #expect(try await engine.accepted() == [0])
            #expect(FileManager.default.contents(atPath: folder.file(name)) == bytes)
            let named = log.filter { $0.contains("cannot be set aside") }
            #expect(named.count == 1 && named[0].contains(folder.file(name)), "\(log)")
        }
    }

    @Test func `a worker that fails as soon as it begins adds no rows, and goes on once it can`() async throws {
        try await TestSupport.withEngine { settings in
            try await execute("ALTER FUNCTION daybook.look RENAME TO looked", in: settings)
            let folder = try ScratchFolder()
            let (beginnings, begins) = AsyncStream<Void>.makeStream()
            let worker = Worker(
                provider: NoProvider(), settings: try WorkerSettings(spoolFolder: folder.file("spool")),
                logger: LogLines().logger, onBegin: { begins.yield() }
            ) { try await Connection.open(settings).direct(for: "A worker") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await worker.run() }
                var count = 0
                for await _ in beginnings {
                    count += 1
                    // After 0.5, 1 and 2 seconds.
                    if count == 4 { break }
                }
                let connection = try await Connection.open(settings)
                let rows = try await connection.run { try $0.query("SELECT count(*) AS n FROM daybook.worker")[0] }
                #expect(try rows.int("n") == 1)
                try await connection.run { try $0.execute("ALTER FUNCTION daybook.looked RENAME TO look") }
                #expect(try await Self.oneLivesOn(connection))
                await connection.close()
                group.cancelAll()
            }
        }
    }

    /// True once a worker gives signs of life for longer than a second; false after 20.
    private static func oneLivesOn(_ connection: Connection) async throws -> Bool {
        for _ in 0..<200 {
            // The server takes its time, so that nobody sleeps here.
            let lives = try await connection.run {
                try $0.query(
                    """
                    SELECT EXISTS (
                        SELECT FROM daybook.worker WHERE heartbeat_at > started_at + interval '1.5 s') AS lives,
                        pg_sleep(0.1)::text
                    """)[0].bool("lives")
            }
            if lives { return true }
        }
        return false
    }
}

/// A provider that nobody asks.
private struct NoProvider: Provider {
    func submit(_ request: ProviderRequest) async -> SubmissionAnswer { .unknown(remark: "nobody is there") }
    func status(of providerTaskID: String) async -> ProviderStatus { .notFound }
}

/// What a logger was told, with its facts.
private final class LogLines: LogHandler, Sendable {
    private let kept = Mutex<[String]>([])

    var lines: [String] { kept.withLock { $0 } }

    var logger: Logger { Logger(label: "tests") { _ in self } }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .info }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        let facts = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        kept.withLock { $0.append("\(event.level) \(event.message) \(facts.joined(separator: " "))") }
    }
}
