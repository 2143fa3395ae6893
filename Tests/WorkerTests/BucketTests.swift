import Codecs
import Domain
import Formats
import Foundation
import FoundationNetworking
import Postgres
import TestSupport
import Testing

/// Workers and servers whose store is a bucket that fails, verifies every signature, and is served from to the byte.
@Suite struct BucketTests {
    private static let knobs = [
        "seed=9", "video_kilobytes=300", "video_cut=100", "video_wrong_length=50", "callback_missing=200", "error=50",
    ]

    @Test func `each success lies in the bucket when its task has ended, whatever the bucket and the workers do`()
        async throws
    {
        try await TestBucket.run { bucket in
            try await EngineRig.run(
                credits: 1_000, knobs: Self.knobs, bucket: bucket.options("daybook/videos")
            ) { rig in
                let batchID = try await rig.create(Array(repeating: .sora2, count: 40))
                // The bucket is away for long enough that copies wait for it, whole.
                try await bucket.fail(.busy, "PUT", times: 6)
                try await bucket.fail(.hangUp, "PUT", times: 3)
                try await bucket.fail(.lose, "PUT", times: 2)
                try await bucket.fail(.shorten, "PUT", times: 2)
                try await rig.work(killAfter: 2.5)
                let worker = try await rig.startWorker()
                try await rig.waitUntilSettled(batchID, seconds: 120)
                #expect(await worker.stop() == 0, "\(worker.errors)")
                #expect(try await Self.expectWhole(rig, bucket) > 25)
                let journal = try await bucket.journal()
                #expect(journal.refused.isEmpty, "\(journal.refused)")
                let said = worker.errors + rig.server.errors
                #expect(!said.contains(TestBucket.secret) && !said.contains(TestBucket.keyID))
            }
        }
    }

    @Test func `large videos go to a bucket, and come from it, with little memory`() async throws {
        try await TestBucket.run { bucket in
            let knobs = ["seed=3", "video_kilobytes=40960"]
            try await EngineRig.run(credits: 100, knobs: knobs, bucket: bucket.options("large")) { rig in
                let batchID = try await rig.create(Array(repeating: .sora2, count: 3))
                let worker = try await rig.startWorker()
                try await rig.waitUntilSettled(batchID, seconds: 120)
                let most = try worker.mostMegabytes
                #expect(await worker.stop() == 0, "\(worker.errors)")
                #expect(try await Self.expectWhole(rig, bucket) == 3)
                let serving = try rig.server.mostMegabytes
                #expect(most < 100 && serving < 100, "the worker took \(most) MB, the server \(serving) MB")
            }
        }
    }

    @Test func `a program whose bucket cannot be the store ends with a sentence and a code of its own`() async throws {
        try await withEngine { settings in
            let scratch = try ScratchFolder()
            let file = scratch.file("bucket.key")
            try "\(TestBucket.keyID)\n\(TestBucket.secret)\n".write(toFile: file, atomically: true, encoding: .utf8)
            chmod(file, 0o600)
            let bucket = ["--store", "s3://films", "--store-endpoint", "http://127.0.0.1:9"]
            let cases: [(options: [String], exitCode: Int32, words: String)] = [
                (bucket, 78, "--store-key-file"), (bucket + ["--store-key-file", file], 75, "does not answer"),
                (["--store", "s3://films//x", "--store-key-file", file], 78, "is no bucket"),
                (["--store", scratch.file("videos"), "--store-region", "x"], 64, "is of a bucket"),
                (["--store-key-file", file], 64, "is of a bucket"),
            ]
            for (options, exitCode, words) in cases {
                for command in [["serve", "--port", "0"], ["work", "--spool", scratch.file("spool")]].prefix(
                    exitCode == 75 ? 2 : 1)
                {
                    let run = try await ProgramRun(
                        command + ["--database", Deployment.conninfo(settings)] + options,
                        program: RunningProgram.path("daybookd"), environment: ["GRSAI_API_KEY": EngineRig.key])
                    #expect(run.exitCode == exitCode && run.errors.contains(words), "\(options): \(run.errors)")
                    #expect(!run.errors.contains(TestBucket.secret) && !run.errors.contains(TestBucket.keyID))
                }
            }
        }
    }

    /// Every delivered task is served to the byte, whole and in part, and nothing else is charged. Gives how many.
    private static func expectWhole(_ rig: EngineRig, _ bucket: TestBucket) async throws -> Int {
        let rows = try await rig.query { session in
            try session.query(
                """
                SELECT t.task_id, c.sha256, c.size_bytes, b.frozen = b.spent + b.refunded
                    AND b.spent = (SELECT sum(cost) FROM daybook.task WHERE state = 'succeeded') AS is_even
                FROM daybook.task AS t
                JOIN daybook.batch AS b ON b.user_id = t.user_id AND b.batch_id = t.batch_id
                LEFT JOIN daybook.video_copy AS c ON c.user_id = t.user_id AND c.task_id = t.task_id
                    AND c.state = 'stored'
                WHERE t.state = 'succeeded' ORDER BY t.task_id
                """)
        }
        let key = try await ProgramRun.expectingSuccess(
            [
                "keys", "create", "--user", rig.userID, "--name", "t", "--rate-limit", "100000", "--database",
                Deployment.conninfo(rig.settings),
            ], program: RunningProgram.path("daybookd")
        ).trimmingCharacters(in: .whitespacesAndNewlines)
        func get(_ taskID: String, _ range: String? = nil) async throws -> (status: Int, bytes: [UInt8]) {
            let address = "\(rig.server.firstLine)/v1/videos/\(taskID)/content"
            var request = URLRequest(url: try #require(URL(string: address)))
            request.setValue(key, forHTTPHeaderField: "x-api-key")
            if let range { request.setValue(range, forHTTPHeaderField: "range") }
            let (data, response) = try await URLSession.shared.data(for: request)
            return ((response as? HTTPURLResponse)?.statusCode ?? 0, Array(data))
        }
        for row in rows {
            let taskID = try row.uuid("task_id")
            let (digest, size) = (try row.optionalBytes("sha256"), try row.int("size_bytes"))
            #expect(try row.bool("is_even"))
            let whole = try await get(taskID)
            #expect(whole.status == 200 && Int64(whole.bytes.count) == size, "\(taskID): \(whole.status)")
            #expect(SHA256Digest.bytes(whole.bytes) == digest)
            let part = try await get(taskID, "bytes=65530-65550")
            #expect(part.status == 206 && part.bytes == Array(whole.bytes[65_530...65_550]))
        }
        // A bucket that lies is not believed, and is asked again when the client asks again.
        let taskID = try #require(try rows.first?.uuid("task_id"))
        for fault in [TestBucket.Fault.whole, .otherPart] {
            try await bucket.fail(fault, "GET")
            let answer = try await get(taskID, "bytes=10-20")
            #expect(answer.status == 503, "\(fault): \(answer.status)")
        }
        #expect(try await get(taskID, "bytes=10-20").status == 206)
        // What is on record and gone is said plainly; trying again is of no use.
        try await bucket.empty("\(taskID.prefix(2))/\(taskID)/")
        #expect(try await get(taskID).status == 404)
        #expect(rig.server.errors.contains("a video on record is not in the store"))
        let accesses = try await rig.query { session in
            try session.query(
                "SELECT count(*) AS n FROM public.video_external_access_log WHERE action = 'download'")[0].int("n")
        }
        #expect(accesses == rows.count * 2 + 1)
        return rows.count
    }
}
