import Formats
import Foundation
import TestSupport

@testable import Retention

/// A database with copies of videos, and the folder that they lie in, made by hand.
struct PlantedStore: Sendable {
    static let owner = "00000000-0000-0000-0000-00000000000a"
    static let stranger = "00000000-0000-0000-0000-00000000000c"

    let purging: Purging
    var folder: String { purging.folder.file("videos") }
    var store: [String] { ["--store", folder] }

    static func task(_ number: Int) -> String { "a0000000-0000-0000-0000-00000000000\(number)" }
    static func batch(_ number: Int) -> String { "b0000000-0000-0000-0000-00000000000\(number)" }

    /// Judged as of 5 November. Of the account, with 30 days: 1 ended a moment before its cutoff and 2 at it; 3, 4 and 7
    /// are old, the batch of 3 is not settled, and 7 has lost its file; 8 is being copied and 9 was given up. Of
    /// somebody without an account, with 180 days: 5 is not due, 6 is.
    private static let rows = """
        INSERT INTO public.users (id) VALUES ('\(owner)'), ('\(stranger)');
        INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd,
            contract_profile)
        VALUES ('\(owner)', 'one', 'One', 'payg', 'USD', 'UTC', 30, 0, 'standard');
        CREATE TEMPORARY TABLE planted AS
        SELECT p.number, p.owner::uuid AS user_id, p.state, p.at::timestamptz AS at,
            ('a0000000-0000-0000-0000-00000000000' || p.number)::uuid AS task_id,
            ('b0000000-0000-0000-0000-00000000000' || p.number)::uuid AS batch_id,
            CASE WHEN p.state = 'stored' THEN convert_to(repeat('video ' || p.number || ' ', 100), 'UTF8') END AS bytes
        FROM (VALUES (1, '\(owner)', 'stored', '2026-10-05 23:59:59.999999+00'),
            (2, '\(owner)', 'stored', '2026-10-06 00:00:00+00'), (3, '\(owner)', 'stored', '2026-09-03 12:00:00+00'),
            (4, '\(owner)', 'stored', '2026-09-04 12:00:00+00'), (5, '\(stranger)', 'stored', '2026-09-05 12:00:00+00'),
            (6, '\(stranger)', 'stored', '2026-03-06 12:00:00+00'), (7, '\(owner)', 'stored', '2026-09-07 12:00:00+00'),
            (8, '\(owner)', 'copying', '2026-09-08 12:00:00+00'), (9, '\(owner)', 'given_up', '2026-09-09 12:00:00+00')
        ) AS p (number, owner, state, at);
        INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, settlement_status, created_at)
        SELECT batch_id, user_id, CASE number WHEN 3 THEN 'processing' ELSE 'completed' END, 1, 10,
            CASE number WHEN 3 THEN 'pending' ELSE 'finalized' END, at - interval '1 hour' FROM planted;
        INSERT INTO public.video_tasks (
            id, user_id, prompt, model, status, video_url, created_at, updated_at, completed_at, batch_job_id,
            batch_index)
        SELECT task_id, user_id, 'a prompt', 'sora-2', CASE state WHEN 'stored' THEN 'succeeded' ELSE 'failed' END,
            '/v1/videos/' || task_id || '/content', at - interval '1 hour', at, at, batch_id, 0
        FROM planted WHERE state <> 'copying';
        INSERT INTO daybook.batch (user_id, batch_id, owner, created_at, settled_at)
        SELECT user_id, batch_id, 'engine', at - interval '1 hour',
            CASE WHEN number <> 3 THEN at + interval '1 minute' END FROM planted;
        INSERT INTO daybook.task (user_id, task_id, batch_id, batch_index, model, cost, state, created_at, ready_at,
            expires_at, accepted_at, deadline_at, ended_at, provider_task_id)
        SELECT user_id, task_id, batch_id, 0, 'sora-2', 10,
            CASE state WHEN 'stored' THEN 'succeeded' WHEN 'copying' THEN 'accepted' ELSE 'failed' END,
            at - interval '1 hour', at, at + interval '1 hour', at, at + interval '1 hour',
            CASE WHEN state <> 'copying' THEN at END, 'p' || number FROM planted;
        INSERT INTO daybook.video_copy (user_id, task_id, provider_task_id, state, source_url, found_at, give_up_at,
            sha256, size_bytes, content_type, ended_at)
        SELECT user_id, task_id, 'p' || number, state,
            CASE state WHEN 'copying' THEN 'https://provider.example/secret' END, at, at + interval '2 hours',
            sha256(bytes), octet_length(bytes), CASE WHEN bytes IS NOT NULL THEN 'video/mp4' END,
            CASE WHEN state <> 'copying' THEN at + interval '9 seconds' END
        FROM planted;
        INSERT INTO daybook.video_store (store_id, made_at) VALUES ('5\(owner.dropFirst())', now())
        """

    static func with(_ body: (PlantedStore) async throws -> Void) async throws {
        try await withDatabase { settings in
            let planted = PlantedStore(purging: try Purging(settings))
            try await ProgramRun.expectingSuccess(["database", "migrate"] + planted.purging.database)
            try await execute(rows, in: settings)
            try await planted.write()
            try await body(planted)
        }
    }

    /// The folder with its mark and every video but that of task 7, and what a worker that was killed left beside 1.
    private func write() async throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try mark()
        let videos = try await purging.lines(
            "SELECT task_id, encode(sha256, 'hex'), right(task_id::text, 1) FROM daybook.video_copy "
                + "WHERE state = 'stored' ORDER BY task_id")
        for video in videos {
            let words = video.split(separator: "|").map(String.init)
            let own = "\(folder)/\(words[0].prefix(2))/\(words[0])"
            guard words[2] != "7" else { continue }
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
            let text = String(repeating: "video \(words[2]) ", count: 100)
            try text.write(toFile: "\(own)/\(words[1])", atomically: false, encoding: .utf8)
        }
        try "half".write(toFile: path(1) + "/x.part", atomically: false, encoding: .utf8)
    }

    func mark() throws {
        try "1 5\(Self.owner.dropFirst()) planted\n".write(
            toFile: folder + "/daybook-store", atomically: false, encoding: .utf8)
    }

    /// The folder of a task.
    func path(_ number: Int) -> String { "\(folder)/a0/\(Self.task(number))" }

    /// The numbers of the tasks that have a folder.
    func files() throws -> [Int] {
        try FileManager.default.contentsOfDirectory(atPath: folder + "/a0").compactMap { $0.last?.wholeNumberValue }
            .sorted()
    }

    /// The rows of videos that were delivered: number, state, whether they are on record as gone and were there, and
    /// whether the digest stands there.
    func records() async throws -> [String] {
        try await purging.lines(
            """
            SELECT right(task_id::text, 1), state, (gone_at IS NOT NULL)::text, was_there::text, octet_length(sha256)
            FROM daybook.video_copy WHERE sha256 IS NOT NULL ORDER BY task_id
            """)
    }

    /// What there is of a class and an account in the plan.
    func row(_ account: String) async throws -> [String: String] {
        try await PlanFile(purging.settings, Purging.date).row(account: account, dataClass: "video_files")
    }

    func hold(_ number: Int) async throws {
        let run = try await purging.retention(
            ["hold", "add", "--batch", Self.batch(number), "--matter", "m", "--requested-by", "counsel"])
        guard run.exitCode == 0 else { throw TestSupportError(run.errors) }
    }

    /// A certificate's document.
    func certificate(_ sequence: Int) throws -> Certificate {
        try CanonicalJSON.decode(
            Certificate.self,
            from: try String(
                contentsOfFile: purging.certificates + "/certificate-00000\(sequence).json", encoding: .utf8))
    }

    /// What a certificate says was taken of the videos: account, rows, missing ones, bytes.
    func taken(_ sequence: Int) throws -> [String] {
        try certificate(sequence).taken.filter(\.isOfVideos).map {
            "\($0.account)|\($0.rows)|\($0.missingVideos ?? -1)|\($0.videoBytes ?? -1)"
        }
    }
}
