import BatchEngine
import Codecs
import Domain
import Formats
import Foundation
import FoundationNetworking
import Postgres
import TestSupport
import Testing

/// Videos on their way into the store, by workers as programs, from a simulated provider whose addresses end.
@Suite(.serialized) struct StoreTests {
    private static let kills = Int(ProcessInfo.processInfo.environment["DAYBOOK_STORE_KILLS"] ?? "") ?? 25
    private static let seed = UInt64(ProcessInfo.processInfo.environment["DAYBOOK_STORE_SEED"] ?? "") ?? 1
    /// `DAYBOOK_STORE_VIDEOS` of five megabytes each.
    private static let videos = Int(ProcessInfo.processInfo.environment["DAYBOOK_STORE_VIDEOS"] ?? "") ?? 80

    /// Everything that can become of a video on its way.
    private static let faults = [
        "seed=9", "video_kilobytes=300", "video_missing=100", "video_cut=150", "video_wrong_length=50",
        "video_page=100", "video_slow=20", "callback_missing=200", "poll_error=20", "error=50",
    ]

    @Test func `each success lies in the store when its task has ended, and its address serves it`() async throws {
        let scratch = try ScratchFolder()
        let store = scratch.file("videos")
        try await EngineRig.run(credits: 1_000, knobs: ["seed=3", "error=200"], store: store) { rig in
            let batchID = try await rig.create(Array(repeating: .sora2, count: 30))
            let worker = try await rig.startWorker()
            try await rig.waitUntilSettled(batchID, seconds: 90)
            #expect(await worker.stop() == 0, "\(worker.errors)")
            let delivered = try await Self.expectWhole(rig, tasks: 30)
            #expect(delivered > 10 && delivered < 30)
            // The terminal instant is that of the success, and only the batch waited.
            let late = try await rig.query { session in
                try session.query(
                    """
                    SELECT count(*) AS n FROM daybook.task AS t
                    JOIN daybook.video_copy AS c ON c.user_id = t.user_id AND c.task_id = t.task_id
                    WHERE t.ended_at <> c.found_at OR c.ended_at <= c.found_at
                    """)[0].int("n")
            }
            #expect(late == 0)
            // A worker without the store, or with another folder, has no place here.
            let none = try await ProgramRun(
                [
                    "work", "--provider", rig.simulator.firstLine, "--spool", scratch.file("spool"), "--database",
                    Deployment.conninfo(rig.settings),
                ], program: RunningProgram.path("daybookd"), environment: ["GRSAI_API_KEY": EngineRig.key])
            #expect(none.exitCode == 78 && none.errors.contains("--store"), "\(none.errors)")
        }
    }

    @Test func `a success whose video cannot be had is not delivered, and is not charged`() async throws {
        let scratch = try ScratchFolder()
        let store = scratch.file("videos")
        let knobs = ["seed=3", "video_missing=1000"]
        try await EngineRig.run(credits: 1_000, knobs: knobs, store: store) { rig in
            let batchID = try await rig.create(Array(repeating: .sora2, count: 8))
            let worker = try await rig.startWorker()
            try await rig.waitUntilSettled(batchID, seconds: 90)
            #expect(await worker.stop() == 0, "\(worker.errors)")
            #expect(try await rig.states() == ["failed": 8])
            let row = try await rig.query { session in
                try session.query(
                    """
                    SELECT w.permanent_credits::bigint AS wallet, count(*) AS n, min(c.remark) AS remark,
                        bool_and(v.failure_type = 'network' AND v.video_url IS NULL
                            AND v.completed_at > c.found_at) AS is_told
                    FROM daybook.video_copy AS c
                    JOIN public.video_tasks AS v ON v.user_id = c.user_id AND v.id = c.task_id
                    JOIN public.credit_wallet AS w ON w.user_id = c.user_id
                    WHERE c.state = 'given_up' GROUP BY w.permanent_credits
                    """)[0]
            }
            #expect(try row.int("wallet") == 1_000 && row.int("n") == 8)
            #expect(try row.bool("is_told") && row.text("remark").contains("404"))
            #expect(try Self.files(store).isEmpty)
        }
    }

    @Test func `workers killed while they copy lose no video, and charge none that is not there`() async throws {
        let scratch = try ScratchFolder()
        let store = scratch.file("videos")
        try await EngineRig.run(credits: 5_000, knobs: Self.faults, store: store) { rig in
            let batchID = try await rig.create(Array(repeating: .sora2, count: 200))
            var random = SeededRandom(seed: Self.seed)
            for _ in 0..<Self.kills {
                try await rig.work(killAfter: Double(Int.random(in: 300...1_500, using: &random)) / 1000)
            }
            let worker = try await rig.startWorker()
            try await rig.waitUntilSettled(batchID, seconds: 240)
            #expect(await worker.stop() == 0, "seed \(Self.seed): \(worker.errors)")
            let delivered = try await Self.expectWhole(rig, tasks: 200)
            #expect(delivered > 100, "seed \(Self.seed)")
        }
    }

    @Test func `a full disk stops the copying with one sentence, and what waits is copied when there is room`()
        async throws
    {
        let disk = try SmallDisk(kilobytes: 12_000)
        try disk.fill(leaving: 900)
        let knobs = ["seed=3", "video_kilobytes=200"]
        try await EngineRig.run(credits: 1_000, knobs: knobs, store: disk.path + "/videos") { rig in
            let batchID = try await rig.create(Array(repeating: .sora2, count: 20))
            let worker = try await rig.startWorker()
            try await Self.wait(rig) { copies in copies == 20 && worker.errors.contains("takes nothing") }
            #expect(worker.errors.split(separator: "takes nothing").count == 2, "\(worker.errors)")
            #expect(try await rig.states()["failed"] == nil)
            try FileManager.default.removeItem(atPath: disk.path + "/ballast")
            try await rig.waitUntilSettled(batchID, seconds: 90)
            #expect(await worker.stop() == 0, "\(worker.errors)")
            #expect(try await Self.expectWhole(rig, tasks: 20) == 20)
            #expect(worker.errors.split(separator: "takes nothing").count == 2, "\(worker.errors)")
            #expect(worker.errors.contains("takes them again"))
        }
    }

    @Test func `large videos go through with little memory`() async throws {
        let scratch = try ScratchFolder()
        let store = scratch.file("videos")
        let knobs = ["seed=3", "video_kilobytes=5120"]
        try await EngineRig.run(credits: 10 * Int64(Self.videos), knobs: knobs, store: store) { rig in
            let batchID = try await rig.create(Array(repeating: .sora2, count: Self.videos))
            let worker = try await rig.startWorker()
            try await rig.waitUntilSettled(batchID, seconds: 60 + Int64(Self.videos) * 2)
            let most = try worker.mostMegabytes
            #expect(await worker.stop() == 0, "\(worker.errors)")
            #expect(try await Self.expectWhole(rig, tasks: Int64(Self.videos)) == Self.videos)
            let serving = try rig.server.mostMegabytes
            #expect(most < 100 && serving < 100, "the worker took \(most) MB, the server \(serving) MB")
        }
    }

    // MARK: - What must hold at the end

    /// Every delivered task has its video under its digest, the API serves it to the byte, nothing else is charged, and
    /// the access log has exactly what was served. Gives how many were delivered.
    private static func expectWhole(_ rig: EngineRig, tasks: Int64) async throws -> Int {
        let store = try #require(rig.store)
        let rows = try await rig.query { session in
            try session.query(
                """
                SELECT c.task_id, c.sha256, c.size_bytes, v.video_url FROM daybook.task AS t
                LEFT JOIN daybook.video_copy AS c ON c.user_id = t.user_id AND c.task_id = t.task_id
                    AND c.state = 'stored'
                JOIN public.video_tasks AS v ON v.user_id = t.user_id AND v.id = t.task_id
                WHERE t.state = 'succeeded'
                """)
        }
        let key = try await ProgramRun.expectingSuccess(
            [
                "keys", "create", "--user", rig.userID, "--name", "t", "--rate-limit", "100000", "--database",
                Deployment.conninfo(rig.settings),
            ], program: RunningProgram.path("daybookd")
        ).trimmingCharacters(in: .whitespacesAndNewlines)
        for row in rows {
            let taskID = try row.uuid("task_id")
            let digest = try #require(try row.optionalBytes("sha256"))
            let path = "\(store)/\(taskID.prefix(2))/\(taskID)/\(Hexadecimal.text(digest))"
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            let size = try row.int("size_bytes")
            #expect(SHA256Digest.bytes(Array(bytes)) == digest && Int64(bytes.count) == size)
            let address = try row.text("video_url")
            #expect(address == "\(rig.server.firstLine)/v1/videos/\(taskID)/content")
            var request = URLRequest(url: try #require(URL(string: address)))
            request.setValue(key, forHTTPHeaderField: "x-api-key")
            let (served, response) = try await URLSession.shared.data(for: request)
            #expect((response as? HTTPURLResponse)?.statusCode == 200 && served == bytes, "\(address)")
        }
        // No file beside those, not even half a one.
        #expect(try Self.files(store).count == rows.count)
        let books = try await rig.query { session in
            try session.query(
                """
                SELECT b.frozen = b.spent + b.refunded AS is_even,
                    b.spent = coalesce((SELECT sum(cost) FROM daybook.task WHERE state = 'succeeded'), 0) AS is_earned,
                    (SELECT count(*) FROM daybook.task) AS tasks,
                    (SELECT count(*) FROM public.video_external_access_log WHERE action = 'generate') AS generated,
                    (SELECT count(*) FROM public.video_external_access_log WHERE action = 'download') AS downloaded
                FROM daybook.batch AS b
                """)[0]
        }
        #expect(try books.bool("is_even") && books.bool("is_earned") && books.int("tasks") == tasks)
        #expect(try books.int("generated") == rows.count && books.int("downloaded") == rows.count)
        return rows.count
    }

    /// The files of a store, without its mark.
    private static func files(_ store: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: store).filter { $0.split(separator: "/").count == 3 }
    }

    /// Waits for what holds of the number of copies.
    private static func wait(_ rig: EngineRig, until isSo: (Int64) -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            // The server takes its time, so that nobody sleeps here.
            let copies = try await rig.query { session in
                try session.query("SELECT count(*) AS n, pg_sleep(0.2)::text FROM daybook.video_copy")[0].int("n")
            }
            if isSo(copies) { return }
        }
        throw TestSupportError("not within a minute: \(try await rig.states())")
    }

}
