import Codecs
import Domain
import Formats
import Foundation
import FoundationNetworking
import Postgres
import TestSupport
import Testing

@testable import BatchEngine

/// A video of the store that a server has, with its bytes.
struct PlantedVideo: Sendable {
    let videoID: String
    let bytes: [UInt8]
    var path: String { "/v1/videos/\(videoID)/content" }
    var tag: String { "\"\(Hexadecimal.text(SHA256Digest.bytes(bytes)))\"" }

    /// Makes a batch whose first item was delivered into a store.
    static func plant(_ server: LiveServer, _ store: String, size: Int, requestID: String) async throws -> PlantedVideo
    {
        let created = try await server.call("POST", "/v1/batches", LiveServer.batch(2, requestID: requestID))
        let batchID = try #require(created.string("batch_id"))
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 7) }
        let (userID, settings) = (server.userID, server.settings)
        let connection = try await Connection.open(settings)
        let folder = try await connection.run { try VideoFolder(store, of: $0) }
        let (task, worker) = try await connection.run { session in
            let worker = try WorkQueue(session).register(host: "test", processID: 1)
            let taskID = try session.query(
                "SELECT task_id FROM daybook.task WHERE batch_id = $1 AND batch_index = 0", [.uuid(batchID)])[0]
                .uuid("task_id")
            _ = try session.query(
                """
                UPDATE daybook.task SET state = 'accepted', provider_task_id = task_id::text, accepted_at = created_at,
                    worker_id = $1, deadline_at = created_at + interval '1 hour' WHERE task_id = $2 RETURNING task_id
                """, [.int(worker), .uuid(taskID)])
            let task = AcceptedTask(
                userID: userID, batchID: batchID, taskID: taskID, model: .sora2, providerTaskID: taskID, ageSeconds: 0,
                secondsLeft: 60)
            let queue = WorkQueue(session)
            _ = try queue.beginCopies(
                [FoundEnding(task, .succeeded(taskID, videoURL: "https://provider.example/secret"))], by: worker)
            return (task, worker)
        }
        let videoID = task.taskID
        let writer = try await folder.begin(videoID)
        try writer.append(bytes, atMost: .max)
        let video = try await folder.keep(writer, of: videoID, "video/mp4")
        try await connection.run { session in
            let address = TaskEnding.succeeded(videoID, videoURL: "/v1/videos/\(videoID)/content")
            guard try WorkQueue(session).end([.init(task: task, ending: address, video: video)], by: worker).count == 1
            else { throw TestSupportError("the task did not end") }
        }
        await connection.close()
        return PlantedVideo(videoID: videoID, bytes: bytes)
    }
}

/// Videos as the API serves them: to the byte, to whom it may, and each access on record.
@Suite struct VideoTests {
    private struct Answer {
        let status: Int
        let headers: [String: String]
        let bytes: [UInt8]
    }

    private static func get(
        _ server: LiveServer, _ path: String, _ headers: [String: String] = [:], method: String = "GET",
        key: String? = nil
    ) async throws -> Answer {
        var request = URLRequest(url: try #require(URL(string: server.url + path)))
        request.httpMethod = method
        request.cachePolicy = .reloadIgnoringLocalCacheData
        let fields = headers.merging(["x-api-key": key ?? server.key]) { own, _ in own }
        for (name, value) in fields where !value.isEmpty { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await URLSession(configuration: .ephemeral).data(for: request)
        let http = try #require(response as? HTTPURLResponse)
        var names: [String: String] = [:]
        for (name, value) in http.allHeaderFields { names["\(name)".lowercased()] = "\(value)" }
        return Answer(status: http.statusCode, headers: names, bytes: Array(data))
    }

    private static func accesses(_ server: LiveServer) async throws -> [String] {
        let connection = try await Connection.open(server.settings)
        let rows = try await connection.run { session in
            try session.query(
                """
                SELECT action || ' ' || source || CASE WHEN user_id IS NULL THEN '' ELSE ' known' END AS line
                FROM public.video_external_access_log WHERE action <> 'generate' ORDER BY created_at, id
                """
            ).map { try $0.text("line") }
        }
        await connection.close()
        return rows
    }

    private static func run(_ body: (LiveServer, PlantedVideo) async throws -> Void) async throws {
        let scratch = try ScratchFolder()
        let store = scratch.file("videos")
        try await LiveServer.run(keyOptions: ["--rate-limit", "100000"], serveOptions: ["--store", store]) { server in
            try await body(server, PlantedVideo.plant(server, store, size: 200_001, requestID: "videos"))
        }
    }

    @Test func `ranges are right to the byte, and each answer with bytes is one access`() async throws {
        try await Self.run { server, video in
            let whole = try await Self.get(server, video.path)
            #expect(whole.status == 200 && whole.bytes == video.bytes && whole.headers["etag"] == video.tag)
            #expect(whole.headers["accept-ranges"] == "bytes" && whole.headers["content-type"] == "video/mp4")
            let size = video.bytes.count
            var served = 1
            var random = SeededRandom(seed: 1)
            var ranges: [(String, Range<Int>)] = [
                ("bytes=0-0", 0..<1), ("bytes=0-", 0..<size), ("bytes=-1", size - 1..<size),
                ("bytes=\(size - 1)-", size - 1..<size), ("bytes=65535-65536", 65_535..<65_537),
                ("bytes=-\(size * 2)", 0..<size), ("bytes=10-99999999999999999999", 10..<size),
            ]
            for _ in 0..<20 {
                let first = Int.random(in: 0..<size, using: &random)
                let last = Int.random(in: first..<size, using: &random)
                ranges.append(("bytes=\(first)-\(last)", first..<last + 1))
            }
            for (header, range) in ranges {
                let part = try await Self.get(server, video.path, ["range": header])
                #expect(part.status == 206 && part.bytes == Array(video.bytes[range]), "\(header): \(part.status)")
                #expect(part.headers["content-range"] == "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)")
                served += 1
            }
            // All of it, for what is no single range of these very bytes.
            let others: [[String: String]] = [
                ["range": "bytes=5-2"], ["range": "bytes=0-1,4-5"], ["range": "lines=1-2"], ["range": "bytes=a-b"],
                ["range": "bytes=0-1", "if-range": "\"other\""], ["range": "bytes=0-1", "if-range": "W/\(video.tag)"],
                ["if-none-match": "\"other\""], ["if-match": "\"other\", \(video.tag)"],
            ]
            for headers in others {
                let answer = try await Self.get(server, video.path, headers)
                #expect(answer.status == 200 && answer.bytes == video.bytes, "\(headers): \(answer.status)")
                served += 1
            }
            let resumed = try await Self.get(server, video.path, ["range": "bytes=7-9", "if-range": video.tag])
            #expect(resumed.status == 206 && resumed.bytes == Array(video.bytes[7...9]))
            served += 1
            // Nothing of it, and no access.
            for header in ["bytes=\(size)-", "bytes=-0"] {
                let beyond = try await Self.get(server, video.path, ["range": header])
                #expect(beyond.status == 416 && beyond.headers["content-range"] == "bytes */\(size)", "\(header)")
            }
            let known = try await Self.get(server, video.path, ["if-none-match": "W/\(video.tag)"])
            #expect(known.status == 304 && known.bytes.isEmpty && known.headers["etag"] == video.tag)
            #expect(try await Self.get(server, video.path, ["if-match": "\"other\""]).status == 412)
            let head = try await Self.get(server, video.path, ["range": "bytes=0-1"], method: "HEAD")
            #expect(head.status == 200 && head.headers["content-length"] == "\(size)" && head.bytes.isEmpty)
            #expect(try await Self.get(server, video.path + "?action=other").status == 400)
            #expect(try await Self.get(server, video.path + "?action=play").status == 200)
            let expected = Array(repeating: "download internal known", count: served) + ["play internal known"]
            #expect(try await Self.accesses(server) == expected)
        }
    }

    @Test func `another customer, a guess and a stranger find nothing, and nobody sees the provider's address`()
        async throws
    {
        try await Self.run { server, video in
            let stranger = try await TestCustomer.create(in: server.settings, purchased: 0)
            let conninfo = Deployment.conninfo(server.settings)
            let key = try await ProgramRun.expectingSuccess(
                ["keys", "create", "--user", stranger, "--name", "t", "--database", conninfo],
                program: LiveServer.daybookd
            ).trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try await Self.get(server, video.path, key: key).status == 404)
            #expect(try await Self.get(server, "/v1/videos/\(UUID())/content").status == 404)
            #expect(try await Self.get(server, "/v1/videos/x/content").status == 404)
            #expect(try await Self.get(server, video.path, key: "").status == 401)
            #expect(try await Self.get(server, video.path, key: "dbk_live_wrong").status == 403)
            #expect(try await Self.get(server, video.path + "?share=guess", key: "").status == 404)
            #expect(try await Self.get(server, video.path, ["origin": "https://x.example"], key: "").status == 404)
            for path in ["share", "access"] {
                let method = path == "share" ? "POST" : "PATCH"
                let other = try await server.call(
                    method, "/v1/videos/\(video.videoID)/\(path)", "{}", headers: ["x-api-key": key])
                #expect(other.status == 404, "\(path): \(other.text)")
            }
            #expect(try await Self.accesses(server).isEmpty)
            let batchID = try #require(try await server.call("GET", "/v1/batches").array("batches").first?["batch_id"])
            guard case .string(let id) = batchID else { return }
            let items = try await server.call("GET", "/v1/batches/\(id)/items")
            #expect(items.text.contains(video.path) && !items.text.contains("provider.example"), "\(items.text)")
        }
    }

    @Test func `a link lets in whoever has it until it ends, as far as the policy goes`() async throws {
        try await Self.run { server, video in
            let shared = try await server.call("POST", "/v1/videos/\(video.videoID)/share", #"{"hours":2}"#)
            let path = try #require(shared.string("share_url"))
            #expect(shared.status == 200 && path.hasPrefix(video.path + "?share="), "\(shared.text)")
            let kept = try await server.count(
                "SELECT count(*) FROM daybook.video_share WHERE encode(token_hash, 'hex') = '\(path.suffix(64))'")
            #expect(kept == 0)
            let played = try await Self.get(server, path, key: "")
            #expect(played.status == 200 && played.bytes == video.bytes)
            #expect(try await Self.get(server, path + "&action=download", key: "").status == 403)
            let access = "/v1/videos/\(video.videoID)/access"
            let wider = try await server.call("PATCH", access, #"{"allow_download":true,"unknown":1}"#)
            #expect(wider.status == 200 && wider.body["policy"]?["allow_download"] == true, "\(wider.text)")
            #expect(try await Self.get(server, path + "&action=download", key: "").status == 200)
            #expect(try await server.call("PATCH", access, #"{"allow_share":false}"#).status == 200)
            #expect(try await Self.get(server, path, key: "").status == 403)
            #expect(try await server.call("POST", "/v1/videos/\(video.videoID)/share").status == 403)
            #expect(try await server.call("PATCH", access, #"{"allow_share":true}"#).status == 200)
            try await execute("UPDATE daybook.video_share SET expires_at = clock_timestamp()", in: server.settings)
            #expect(try await Self.get(server, path, key: "").status == 404)
            let second = try await server.call("POST", "/v1/videos/\(video.videoID)/share")
            let other = try #require(second.string("share_url"))
            let ended = try await server.call("DELETE", "/v1/videos/\(video.videoID)/share")
            #expect(ended.status == 200 && ended.int("ended") == 2, "\(ended.text)")
            #expect(try await Self.get(server, other, key: "").status == 404)
            #expect(
                try await Self.accesses(server) == [
                    "share share_link known", "play share_link", "download share_link", "share share_link known",
                ])
        }
    }

    @Test func `a site shows a video where its owner names the site`() async throws {
        try await Self.run { server, video in
            let body = #"{"allow_embed":true,"embed_domains":["Shop.example"]}"#
            let set = try await server.call("PATCH", "/v1/videos/\(video.videoID)/access", body)
            #expect(
                set.status == 200 && set.body["policy"]?["embed_domains"] == .array(["shop.example"]), "\(set.text)")
            let shown = try await Self.get(server, video.path, ["origin": "https://shop.example"], key: "")
            #expect(shown.status == 200 && shown.bytes == video.bytes)
            #expect(shown.headers["access-control-allow-origin"] == "https://shop.example")
            let page = ["referer": "https://SHOP.example/page?x", "range": "bytes=1-2"]
            #expect(try await Self.get(server, video.path, page, key: "").status == 206)
            for origin in ["https://evil.example", "https://shop.example.evil.example", "null"] {
                let answer = try await Self.get(server, video.path, ["origin": origin], key: "")
                #expect([401, 404].contains(answer.status), "\(origin): \(answer.status)")
            }
            let bad = try await server.call(
                "PATCH", "/v1/videos/\(video.videoID)/access", #"{"embed_domains":["https://shop.example"]}"#)
            #expect(bad.status == 400, "\(bad.text)")
            let past = #"{"expires_at":"2020-01-01T00:00:00Z"}"#
            #expect(try await server.call("PATCH", "/v1/videos/\(video.videoID)/access", past).status == 200)
            #expect(try await Self.get(server, video.path, ["origin": "https://shop.example"], key: "").status == 404)
            #expect(try await Self.get(server, video.path).status == 200)
            #expect(
                try await Self.accesses(server) == ["embed embed", "embed embed", "download internal known"])
        }
    }

    @Test func `a video that was erased is 410 to whom it would be served, and nothing to anybody else`() async throws {
        let scratch = try ScratchFolder()
        let store = scratch.file("videos")
        try await LiveServer.run(keyOptions: ["--rate-limit", "100000"], serveOptions: ["--store", store]) { server in
            let video = try await PlantedVideo.plant(server, store, size: 1_000, requestID: "videos")
            let policy = #"{"allow_embed":true,"embed_domains":["shop.example"]}"#
            #expect(try await server.call("PATCH", "/v1/videos/\(video.videoID)/access", policy).status == 200)
            let link = try #require(
                try await server.call("POST", "/v1/videos/\(video.videoID)/share").string("share_url"))
            let site = ["origin": "https://shop.example"]
            #expect(try await Self.get(server, link, key: "").status == 200)
            #expect(try await Self.get(server, video.path, site, key: "").status == 200)
            // What is not settled yet stays: the other item is still to be made.
            let erasure = [
                "retention", "erase", "--video", video.videoID, "--yes", "--quiet", "--no-archive", "--reason", "asked",
                "--requested-by", "support", "--store", store, "--certificates", scratch.file("certificates"),
                "--database", Deployment.conninfo(server.settings),
            ]
            let early = try await ProgramRun(erasure)
            #expect(early.exitCode == 2, "\(early.output)\(early.errors)")
            #expect(early.output.contains("1 rows of video_files are of tasks that run"), "\(early.output)")
            #expect(try await Self.get(server, video.path).status == 200)
            let batches = try await server.call("GET", "/v1/batches?request_id=videos")
            let batchID = try #require(batches.text.firstMatch(of: /"batch_id": *"([0-9a-f-]+)"/)).1
            let cancelled = try await server.call("POST", "/v1/batches/\(batchID)/cancel")
            #expect(cancelled.status == 200, "\(cancelled.text)")
            let erased = try await ProgramRun(erasure)
            #expect(erased.exitCode == 0, "\(erased.output)\(erased.errors)")
            let left = Set(try FileManager.default.subpathsOfDirectory(atPath: store))
            #expect(left == ["daybook-store", String(video.videoID.prefix(2))], "\(left)")
            let accesses = try await Self.accesses(server)
            let owned = try await Self.get(server, video.path)
            #expect(owned.status == 410)
            let text = String(decoding: owned.bytes, as: UTF8.self)
            #expect(text.contains("VIDEO_REMOVED") && text.contains("The video was removed"), "\(text)")
            #expect(try await Self.get(server, link, key: "").status == 410)
            #expect(try await Self.get(server, video.path, method: "HEAD").status == 410)
            #expect(try await server.call("POST", "/v1/videos/\(video.videoID)/share").status == 410)
            // The policy went with the task, and lets no site in; a guess learns nothing.
            #expect(try await Self.get(server, video.path, site, key: "").status == 404)
            #expect(try await Self.get(server, video.path + "?share=guess", key: "").status == 404)
            #expect(try await server.call("DELETE", "/v1/videos/\(video.videoID)/share").status == 200)
            #expect(try await Self.get(server, link, key: "").status == 404)
            #expect(try await Self.accesses(server) == accesses)
            let kept = "SELECT count(*) FROM daybook.video_copy WHERE gone_at IS NOT NULL AND sha256 IS NOT NULL"
            #expect(try await server.count(kept) == 1)
        }
    }
}
