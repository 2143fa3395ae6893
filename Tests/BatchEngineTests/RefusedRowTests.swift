import Domain
import Foundation
import Logging
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import BatchEngine

/// One thing that the database refuses, or that somebody holds, among many that a worker records.
@Suite(.serialized, .timeLimit(.minutes(3))) struct RefusedRowTests {
    /// Takes everything at once, and has rendered it by the first question, or failed.
    private struct InstantProvider: Provider {
        var failing = ""

        func submit(_ request: ProviderRequest) async -> SubmissionAnswer {
            let isFailing = !failing.isEmpty && request.prompt.hasSuffix(failing)
            return .accepted(providerTaskID: (isFailing ? "no " : "") + UUID().uuidString)
        }

        func status(of providerTaskID: String) async -> ProviderStatus {
            providerTaskID.hasPrefix("no ")
                ? .failed(.init(reason: .error, message: "no"))
                : .succeeded(videoURL: "https://example.com/v", pid: nil)
        }
    }

    private final class LogLines: LogHandler, Sendable {
        let lines = Mutex<[String]>([])
        var metadata: Logger.Metadata {
            get { [:] }
            set { _ = newValue }
        }
        var logLevel: Logger.Level {
            get { .warning }
            set { _ = newValue }
        }

        subscript(metadataKey _: String) -> Logger.Metadata.Value? {
            get { nil }
            set { _ = newValue }
        }

        func log(event: LogEvent) {
            let metadata = (event.metadata ?? [:]).map { "\($0)=\($1)" }.joined(separator: " ")
            lines.withLock { $0.append("\(event.message) \(metadata)") }
        }
    }

    private static func query<Result: Sendable>(
        _ settings: ConnectionSettings, _ body: @Sendable (Session) throws -> Result
    ) async throws -> Result {
        let connection = try await Connection.open(settings)
        let result = try await connection.run(body)
        await connection.close()
        return result
    }

    /// Waits until a question is answered by yes.
    private static func wait(_ settings: ConnectionSettings, until sql: String) async throws {
        try await query(settings) { session in
            for _ in 0..<600 {
                // The server takes its time, so that nobody sleeps here.
                let row = try session.query("SELECT coalesce((\(sql)), false) AS yes, pg_sleep(0.1)::text")[0]
                if try row.bool("yes") { return }
            }
            throw TestSupportError("never: \(sql)")
        }
    }

    /// Waits for a line of a log.
    private static func wait(_ settings: ConnectionSettings, until line: String, in log: LogLines) async throws {
        try await query(settings) { session in
            for _ in 0..<600 {
                if log.lines.withLock({ $0.contains { $0.hasPrefix(line) } }) { return }
                _ = try session.query("SELECT pg_sleep(0.1)::text")
            }
            throw TestSupportError("nobody said: \(line)")
        }
    }

    /// Ten tasks of a customer each, a worker, and a clock that runs a hundred times as fast.
    private static func run(
        customers count: Int, failing: String = "", before: String,
        _ body: (ConnectionSettings, [String], LogLines, String) async throws -> Void
    ) async throws {
        try await withEngine { settings in
            var customers: [String] = []
            for _ in 0..<count { customers.append(try await TestCustomer.create(in: settings, purchased: 200)) }
            try await query(settings) { [customers] session in
                try session.executeScript(
                    """
                    INSERT INTO daybook.test_clock (rate, origin, anchor)
                    VALUES (100, now() - interval '12 hours', now());
                    """)
                try session.executeScript(before)
                for customer in customers {
                    _ = try Batches(session, of: customer).create(
                        Sample.request("r", items: 10), by: nil, from: Sample.origin)
                }
            }
            let folder = try ScratchFolder()
            let log = LogLines()
            let worker = Worker(
                provider: InstantProvider(failing: failing), settings: try WorkerSettings(spoolFolder: folder.path),
                logger: Logger(label: "test") { _ in log }
            ) {
                try await Connection.open(settings).direct(for: "A worker")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await worker.run() }
                try await body(settings, customers, log, folder.path)
                group.cancelAll()
            }
        }
    }

    @Test func `an end that the database refuses is named, and the others are recorded`() async throws {
        let refusal = """
            CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.batch_index = 3 AND NEW.video_url IS NOT NULL THEN RAISE EXCEPTION 'no third video'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON public.video_tasks FOR EACH ROW EXECUTE FUNCTION public.refuse();
            """
        try await Self.run(customers: 2, before: refusal) { settings, _, log, _ in
            try await Self.wait(settings, until: "SELECT count(*) = 18 FROM daybook.task WHERE state = 'succeeded'")
            let refused = try await Self.query(settings) { session in
                try session.query(
                    "SELECT task_id::text AS id, state FROM daybook.task WHERE state <> 'succeeded'"
                ).map { (try $0.text("id"), try $0.text("state")) }
            }
            #expect(refused.count == 2 && refused.allSatisfy { $0.1 == "accepted" })
            let lines = log.lines.withLock { $0.filter { $0.hasPrefix("ends of tasks cannot be recorded now") } }
            for (id, _) in refused { #expect(lines.contains { $0.contains("task.id=\(id)") }) }
            #expect(lines.allSatisfy { $0.contains("task.count=1") && $0.contains("no third video") })
            // They are asked for again, and end when they can.
            try await Self.query(settings) { _ = try $0.execute("DROP TRIGGER refuse ON public.video_tasks") }
            try await Self.wait(settings, until: "SELECT bool_and(settled_at IS NOT NULL) FROM daybook.batch")
        }
    }

    @Test func `an answer that the database refuses is named and kept, and the others are recorded`() async throws {
        let refusal = """
            CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.outcome = 'accepted' AND (
                    SELECT batch_index = 3 FROM daybook.task AS t
                    WHERE t.user_id = NEW.user_id AND t.task_id = NEW.task_id)
                THEN
                    RAISE EXCEPTION 'no third answer';
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON daybook.submission FOR EACH ROW EXECUTE FUNCTION public.refuse();
            """
        try await Self.run(customers: 2, before: refusal) { settings, _, log, folder in
            try await Self.wait(settings, until: "SELECT count(*) = 18 FROM daybook.task WHERE state = 'succeeded'")
            try await Self.wait(settings, until: "SELECT count(*) = 2 FROM daybook.task WHERE state = 'unknown'")
            let nonces = try await Self.query(settings) { session in
                try session.query(
                    "SELECT encode(nonce, 'hex') AS nonce FROM daybook.submission WHERE outcome = 'unknown'"
                ).map { try $0.text("nonce") }
            }
            let words = "an answer of the provider cannot be recorded"
            let lines = log.lines.withLock { $0.filter { $0.hasPrefix(words) } }
            #expect(lines.count == 2 && lines.allSatisfy { $0.contains("no third answer") })
            // The spool has them still.
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            let spooled = try files.map { try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8) }.joined()
            #expect(nonces.count == 2)
            for nonce in nonces { #expect(spooled.contains(nonce)) }
        }
    }

    @Test func `a wallet that somebody holds keeps nobody else's batches open`() async throws {
        let closed = "UPDATE daybook.model_gate SET blocked_until = 'infinity'"
        // A batch with a failure needs the wallet at its end.
        try await Self.run(customers: 3, failing: "take 3", before: closed) { settings, customers, log, _ in
            let holder = try await Connection.open(settings)
            try await holder.run { session in
                try session.executeAlone("BEGIN")
                try session.execute(
                    "SELECT FROM public.credit_wallet WHERE user_id = $1 FOR UPDATE", [.uuid(customers[1])])
            }
            try await Self.query(settings) { session in
                try session.executeScript("UPDATE daybook.model_gate SET blocked_until = NULL; NOTIFY daybook_ready")
            }
            try await Self.wait(
                settings, until: "SELECT count(*) = 2 FROM daybook.batch WHERE settled_at IS NOT NULL")
            let open = try await Self.query(settings) { session in
                try session.query("SELECT user_id FROM daybook.batch WHERE settled_at IS NULL").map {
                    try $0.uuid("user_id")
                }
            }
            #expect(open == [customers[1]])
            // The worker has met the holder before that lets go.
            try await Self.wait(settings, until: "ends of tasks cannot be recorded now", in: log)
            try await holder.run { try $0.executeAlone("COMMIT") }
            try await Self.wait(settings, until: "SELECT bool_and(settled_at IS NOT NULL) FROM daybook.batch")
            await holder.close()
        }
    }
}
