import BatchEngine
import Domain
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

/// An old application that goes on living on the database from which its batches are taken over.
@Suite(.serialized) struct LivingApplicationTests {
    /// How long both live beside each other: `DAYBOOK_LIVING_SECONDS`, with the seed `DAYBOOK_LIVING_SEED`.
    private static let seconds = Int(ProcessInfo.processInfo.environment["DAYBOOK_LIVING_SECONDS"] ?? "") ?? 20
    private static let seed =
        UInt64(ProcessInfo.processInfo.environment["DAYBOOK_LIVING_SEED"] ?? "") ?? UInt64.random(in: 1...1_000_000)
    private static let quietSeconds = 4
    private static let customers = (1...3).map { "11111111-0000-0000-0000-00000000000\($0)" }

    /// The months before, which nothing that happens now may change: what was bought, settled and given back. The credit
    /// lasts for longer than both live.
    private static let history = """
        INSERT INTO public.users (id, google_id, email)
        SELECT ('11111111-0000-0000-0000-00000000000' || n)::uuid, 'g' || n, n || '@example.com'
        FROM generate_series(1, 3) AS n;
        INSERT INTO public.credit_wallet (user_id, permanent_credits) SELECT id, 400000 FROM public.users;
        INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, meta, created_at)
        SELECT id, 'purchase', 400050, 'stripe_payment', '{"usd": 8000}', date_trunc('month', now()) - interval '20 days'
        FROM public.users;
        INSERT INTO public.batch_jobs (id, user_id, status, total_count, success_count, failed_count, cost_per_video,
            frozen_credits, credits_spent, settlement_status, created_at, updated_at)
        SELECT md5('batch' || u.id || n)::uuid, u.id, 'partial', 2, 1, 1, 10, 20, 10, 'refunded',
            date_trunc('month', now()) - n * interval '1 day', date_trunc('month', now()) - n * interval '1 day'
        FROM public.users AS u, generate_series(3, 7) AS n;
        INSERT INTO public.video_tasks (user_id, batch_job_id, batch_index, prompt, model, status, grsai_task_id,
            created_at, updated_at)
        SELECT b.user_id, b.id, n, 'a paper boat', 'sora-2', CASE n WHEN 0 THEN 'succeeded' ELSE 'failed' END,
            'old-' || b.id || n, b.created_at, b.created_at + interval '2 minutes'
        FROM public.batch_jobs AS b, generate_series(0, 1) AS n;
        INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, created_at)
        SELECT b.user_id, p.type, 'sora-2', p.credits, p.ref_type, b.id::text, b.created_at
        FROM public.batch_jobs AS b,
            (VALUES ('spend', -20, 'batch_upfront'), ('refund', 10, 'batch_refund')) AS p (type, credits, ref_type);
        -- Credit that the ledger does not explain: of one customer too much, of another too little.
        UPDATE public.credit_wallet SET permanent_credits = permanent_credits + 33 WHERE user_id::text LIKE '%1';
        UPDATE public.credit_wallet SET permanent_credits = permanent_credits - 12 WHERE user_id::text LIKE '%2'
        """

    private static let accounts =
        "user_id,slug,name,plan,currency,timezone,retention_days,monthly_fee_usd,legal_hold\n"
        + customers.enumerated().map {
            "\($1),customer\($0),Customer \($0),payg,USD,UTC,90,0,\n"
        }.joined()

    @Test func `no batch is handed over or settled twice, and the application sees no error`() async throws {
        try await withDatabase { settings in
            try await Deployment.load(
                file: Deployment.root + "/Tests/Oracle/deployed/deployment.sql", into: settings)
            try await execute(Self.history, in: settings)
            let folder = try ScratchFolder()
            let database = ["--database", Deployment.conninfo(settings)]
            try await ProgramRun.expectingSuccess(["database", "migrate", "--engine"] + database)
            try await ProgramRun.expectingSuccess(
                ["accounts", "import", try folder.write(Self.accounts, to: "accounts.csv")] + database)
            let before = try await Self.reports(settings)
            try await withLogin(settings, attributes: "", rights: LivingApplication.rights) { login in
                let living = try await Living.start(settings, folder)
                let application = LivingApplication(
                    settings: login, provider: living.simulator.firstLine, providerKey: EngineRig.key,
                    customers: Self.customers, quietSeconds: Double(Self.quietSeconds), seed: Self.seed)
                try await living.liveBeside(
                    application, seconds: Self.seconds, quietSeconds: Self.quietSeconds, seed: Self.seed)
                let counts = application.log.now
                let comment =
                    "seed \(Self.seed): the application made \(counts.batches) batches, was killed \(counts.kills) "
                    + "times, held up \(counts.stalls) times; \(living.log.now)"
                print(comment)
                let errors = counts.errors.filter { !LivingApplication.isItsOwn($0) }
                #expect(errors.isEmpty, "\(comment)\n\(errors.prefix(5).joined(separator: "\n"))")
                #expect(counts.settled > 0 && counts.kills > 0, "\(comment)")
                try await living.finish()
                try await living.expectWhole(comment)
                await living.stop()
            }
            let after = try await Self.reports(settings)
            #expect(Set(after.keys) == Set(before.keys))
            for (name, figures) in after {
                #expect(figures == before[name], "\(name) changed, in the month before")
            }
        }
    }

    /// What is said of the month before: every figure, by file.
    private static func reports(_ settings: ConnectionSettings) async throws -> [String: String] {
        let folder = try ScratchFolder()
        let common = ["--month", "last", "--quiet", "--format", "csv", "--database", Deployment.conninfo(settings)]
        for (name, report) in [("sla", ["report", "sla"]), ("statement", ["report", "statement", "--all"])] {
            let run = try await ProgramRun(report + common + ["--output", folder.file(name)])
            guard run.exitCode == 0 || run.exitCode == 2 else { throw TestSupportError("\(report): \(run.errors)") }
        }
        let figures: Set<String> = [
            "completion.csv", "refunds.csv", "refund_rates.csv", "credits.csv", "tasks.csv", "summary.csv",
            "entries.csv", "usage.csv", "batches.csv",
        ]
        var files: [String: String] = [:]
        for case let path as String in FileManager.default.enumerator(atPath: folder.path) ?? .init() {
            guard figures.contains((path as NSString).lastPathComponent) else { continue }
            // What no row explains of a wallet is what it is at the snapshot: a takeover books it.
            files[path] = try String(contentsOfFile: folder.file(path), encoding: .utf8)
                .split(separator: "\r\n").filter { !$0.contains(",unexplained,") }.joined(separator: "\n")
        }
        guard files.count > 8 else { throw TestSupportError("the reports have \(files.keys.sorted())") }
        return files
    }
}

/// Daybook beside an application: the provider, the API for callbacks, workers and takeovers that are killed.
private struct Living: Sendable {
    let settings: ConnectionSettings
    let folder: ScratchFolder
    let simulator: RunningProgram
    let server: RunningProgram
    let log = Log()

    /// What was done, and how often.
    final class Log: Sendable {
        private let counts = Mutex<[String: Int]>([:])

        var now: String {
            counts.withLock { counts in
                counts.sorted { $0.key < $1.key }.map { "\($0.value) times \($0.key)" }.joined(separator: ", ")
            }
        }

        func note(_ what: String) { counts.withLock { $0[what, default: 0] += 1 } }
    }

    static func start(_ settings: ConnectionSettings, _ folder: ScratchFolder) async throws -> Living {
        let simulator = try await RunningProgram.start(
            [
                "--port", "0", "--time-scale", "200", "--key", EngineRig.key, "--journal", folder.file("journal"),
                "--knob", "error=50",
            ], program: RunningProgram.path("grsai-simulator"))
        let server = try await RunningProgram.start(
            ["serve", "--port", "0", "--database", Deployment.conninfo(settings)],
            program: RunningProgram.path("daybookd"))
        return Living(settings: settings, folder: folder, simulator: simulator, server: server)
    }

    func stop() async {
        _ = await server.stop()
        _ = await simulator.stop()
    }

    private func daybookd(_ arguments: [String], killAfter: Double? = nil) async throws -> ProgramRun {
        try await ProgramRun(
            arguments + ["--database", Deployment.conninfo(settings)], program: RunningProgram.path("daybookd"),
            environment: ["GRSAI_API_KEY": EngineRig.key], killAfter: killAfter, atOnce: true)
    }

    private var worker: [String] {
        [
            "work", "--provider", simulator.firstLine, "--callback-base", server.firstLine, "--spool",
            folder.file("spool"),
        ]
    }

    /// Lets both live for so many seconds.
    func liveBeside(_ application: LivingApplication, seconds: Int, quietSeconds: Int, seed: UInt64) async throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.live(until: deadline) }
            group.addTask { try await work(until: deadline, seed: seed &+ 2) }
            group.addTask { try await adopt(until: deadline, quietSeconds: quietSeconds, seed: seed &+ 3) }
            try await group.waitForAll()
        }
    }

    /// Workers, each killed after a while, and batches that come over the API meanwhile.
    private func work(until deadline: ContinuousClock.Instant, seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        while ContinuousClock.now < deadline {
            let customer = "11111111-0000-0000-0000-00000000000\(Int.random(in: 1...3, using: &random))"
            let connection = try await Connection.open(settings)
            try await connection.run { session in
                _ = try Batches(session, of: customer).create(
                    BatchRequest(
                        requestID: UUID().uuidString,
                        items: (0..<3).map { BatchItem(model: .sora2, prompt: "item \($0)") }), by: nil,
                    from: RequestOrigin(endpoint: "/batches", address: nil, userAgent: nil))
            }
            await connection.close()
            _ = try await daybookd(worker, killAfter: Double(Int.random(in: 1500...5000, using: &random)) / 1000)
            log.note("worker killed")
        }
    }

    /// Takes over what can be, again and again; every third is killed, now and then before it did anything.
    private func adopt(until deadline: ContinuousClock.Instant, quietSeconds: Int, seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        while ContinuousClock.now < deadline {
            let isKilled = Int.random(in: 0..<3, using: &random) == 0
            let run = try await daybookd(
                ["adopt", "--all", "--quiet-seconds", String(quietSeconds)]
                    + (Int.random(in: 0..<5, using: &random) == 0 ? ["--dry-run"] : []),
                killAfter: isKilled ? Double(Int.random(in: 20...600, using: &random)) / 1000 : nil)
            log.note(run.exitCode == 137 ? "takeover killed" : "takeover ended with \(run.exitCode)")
            guard [0, 2, 137].contains(run.exitCode) else { throw TestSupportError("adopt: \(run.errors)") }
        }
    }

    /// The application is off. What is left is taken over, and everything worked off, two hours later.
    func finish() async throws {
        let last = try await daybookd(["adopt", "--all", "--quiet-seconds", "0"])
        guard [0, 2].contains(last.exitCode) else { throw TestSupportError("adopt: \(last.errors)") }
        try await execute(
            """
            INSERT INTO daybook.test_clock (rate, origin, anchor) VALUES (60, now() + interval '2 hours', now())
            """, in: settings)
        let program = try await RunningProgram.start(
            worker + ["--database", Deployment.conninfo(settings)], program: RunningProgram.path("daybookd"),
            environment: ["GRSAI_API_KEY": EngineRig.key])
        let deadline = ContinuousClock.now + .seconds(240)
        while try await count(
            "SELECT count(*), pg_sleep(0.2)::text FROM daybook.batch WHERE owner = 'engine' AND settled_at IS NULL") > 0
        {
            guard ContinuousClock.now < deadline else {
                throw TestSupportError("batches of the engine do not end: \(program.errors.suffix(2000))")
            }
        }
        _ = await program.stop()
    }

    private func count(_ sql: String) async throws -> Int64 {
        let connection = try await Connection.open(settings)
        let count = try await connection.run { try $0.query(sql)[0].int(0) }
        await connection.close()
        return count
    }

    /// Everything that must hold at the end, whatever happened.
    func expectWhole(_ comment: String) async throws {
        let adopted = try await count("SELECT count(*) FROM daybook.batch WHERE adopted_at IS NOT NULL")
        #expect(adopted > 3, "\(comment): \(adopted) batches were taken over")
        try await expectOnce(comment)
        for (wrong, sql) in Self.invariants {
            #expect(try await count("SELECT count(*) FROM (\(sql)) AS wrong") == 0, "\(comment): \(wrong)")
        }
        // What stays the application's was not whole, or was settled by it.
        let left = try await daybookd(["adopt", "--all", "--dry-run", "--quiet-seconds", "0"])
        let reasons = left.output.split(separator: "\n").compactMap { line in
            line.contains("  left  ") ? line.split(separator: " ").first { $0.hasSuffix(":") } : nil
        }
        #expect(Set(reasons).isSubset(of: ["incomplete:", "settled:"]), "\(comment):\n\(left.output)")
        let verified = try await ProgramRun(
            ["ledger", "verify", "--format", "csv", "--database", Deployment.conninfo(settings)])
        let findings = Set(
            verified.output.split(separator: "\n").dropFirst().compactMap { $0.split(separator: ",").first })
        // Time that was let pass; a batch that the application froze and did not write; one of which it was killed
        // before it wrote the counts.
        let harmless: Set<Substring> = [
            "late_refund", "stuck_batch", "posted_in_future", "ledger_without_batch", "batch_counts_disagree",
        ]
        #expect(findings.isSubset(of: harmless), "\(comment):\n\(verified.output)")
    }

    /// Nobody handed a task over that somebody else had: the provider's journal names the application's by the task,
    /// and ours by the nonce of a submission.
    private func expectOnce(_ comment: String) async throws {
        let connection = try await Connection.open(settings)
        let tasks = try await connection.run { session in
            let rows = try session.query(
                "SELECT encode(nonce, 'hex') AS nonce, task_id::text AS task FROM daybook.submission")
            return try Dictionary(uniqueKeysWithValues: rows.map { (try $0.text("nonce"), try $0.text("task")) })
        }
        await connection.close()
        let text = try String(contentsOfFile: folder.file("journal"), encoding: .utf8)
        let taken = try text.split(separator: "\n").map { line -> String in
            let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard let nonce = entry?["nonce"] as? String else { throw TestSupportError("no nonce in \(line)") }
            return tasks[nonce] ?? nonce
        }
        let twice = Dictionary(grouping: taken) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
        #expect(twice.isEmpty, "\(comment): handed over twice: \(twice)")
        #expect(taken.count > 20, "\(comment): the provider took \(taken.count) tasks")
    }

    private static let invariants = [
        (
            "a wallet differs from its lots",
            """
            SELECT FROM public.credit_wallet AS w
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(l.remaining) FILTER (WHERE l.kind = 'purchased'), 0) AS purchased,
                    coalesce(sum(l.remaining) FILTER (WHERE l.kind = 'bonus'), 0) AS bonus
                FROM daybook.lot AS l WHERE l.user_id = w.user_id
            ) AS l
            WHERE w.permanent_credits <> l.purchased OR w.bonus_credits <> l.bonus
            """
        ),
        (
            "a wallet differs from its ledger",
            """
            SELECT FROM public.credit_wallet AS w
            WHERE w.permanent_credits + w.bonus_credits <> (
                    SELECT sum(c.credits_delta) FROM public.credit_ledger AS c WHERE c.user_id = w.user_id)
                AND EXISTS (
                    SELECT FROM daybook.batch AS b WHERE b.user_id = w.user_id AND b.adopted_at IS NOT NULL)
            """
        ),
        (
            "a batch was settled otherwise than its tasks ended",
            """
            SELECT FROM daybook.batch AS b JOIN public.batch_jobs AS j ON j.user_id = b.user_id AND j.id = b.batch_id
            CROSS JOIN LATERAL (
                SELECT count(*) FILTER (WHERE v.status = 'succeeded') * j.cost_per_video AS delivered, (
                    SELECT -sum(c.credits_delta) FROM public.credit_ledger AS c
                    WHERE c.user_id = b.user_id AND c.ref_type = 'batch_upfront' AND c.ref_id = b.batch_id::text
                ) AS frozen
                FROM public.video_tasks AS v WHERE v.user_id = b.user_id AND v.batch_job_id = b.batch_id
            ) AS t
            WHERE b.owner = 'engine' AND (
                b.spent <> t.delivered OR j.credits_spent <> t.delivered OR b.frozen IS DISTINCT FROM t.frozen)
            """
        ),
        (
            "a batch gave back otherwise than it did not spend",
            """
            SELECT FROM daybook.batch AS b
            WHERE b.settled_at IS NOT NULL AND b.frozen - b.spent <> (
                SELECT coalesce(sum(c.credits_delta), 0) FROM public.credit_ledger AS c
                WHERE c.user_id = b.user_id AND c.ref_type = 'batch_refund' AND c.ref_id = b.batch_id::text)
            """
        ),
        (
            "a batch of the engine and its row differ",
            """
            SELECT FROM daybook.batch AS b JOIN public.batch_jobs AS j ON j.user_id = b.user_id AND j.id = b.batch_id
            WHERE b.owner = 'engine' AND (j.settlement_status = 'pending' OR j.status IN ('queued', 'processing')
                OR j.total_count <> j.success_count + j.failed_count OR j.completed_at IS NULL)
            """
        ),
    ]
}
