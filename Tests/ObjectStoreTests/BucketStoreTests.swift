import AsyncHTTPClient
import Codecs
import Domain
import Formats
import Foundation
import NIOHTTP1
import Postgres
import TestSupport
import Testing

@testable import BatchEngine
@testable import ObjectStore

/// The store of videos in a bucket, which verifies every signature and every digest.
@Suite struct BucketStoreTests {
    private static let taskID = "5a87c39e-9001-481e-badb-d9edad7f9b2d"

    private static func settings(
        _ bucket: TestBucket, _ prefix: String = "videos", secret: String = TestBucket.secret,
        endpoint: String? = nil, name: String = TestBucket.name, folder: String = "/var/tmp"
    ) throws -> BucketSettings {
        try BucketSettings(
            store: "s3://\(name)/\(prefix)", endpoint: endpoint ?? bucket.endpoint, region: TestBucket.region,
            key: BucketKey(id: TestBucket.keyID, secret: secret), temporaryFolder: folder)
    }

    private static func open(_ settings: BucketSettings, _ database: ConnectionSettings) async throws -> BucketStore {
        let connection = try await Connection.open(database)
        do {
            let store = try await BucketStore.open(settings, of: connection)
            await connection.close()
            return store
        } catch {
            await connection.close()
            throw error
        }
    }

    private static func withStore(
        _ body: (BucketStore, TestBucket, ConnectionSettings) async throws -> Void
    ) async throws {
        try await TestBucket.run { bucket in
            try await withEngine { database in
                let store = try await open(try settings(bucket), database)
                try await body(store, bucket, database)
                try await store.shutdown()
                #expect(try await bucket.journal().refused.isEmpty)
            }
        }
    }

    private static func written(_ store: BucketStore, _ bytes: [UInt8]) async throws -> VideoWriter {
        let writer = try await store.begin(taskID)
        for start in stride(from: 0, to: bytes.count, by: 65_536) {
            try writer.append(Array(bytes[start..<min(start + 65_536, bytes.count)]), atMost: .max)
        }
        return writer
    }

    private static func read(
        _ store: BucketStore, _ video: StoredVideo, _ range: Range<Int>
    ) async throws -> [UInt8]? {
        guard
            let file = try await store.open(
                video, of: taskID, from: Int64(range.lowerBound), count: Int64(range.count))
        else { return nil }
        var bytes: [UInt8] = []
        while let piece = try await file.next() { bytes += piece }
        return bytes
    }

    @Test func `a bucket is the store with the mark that the database knows, and no other`() async throws {
        try await Self.withStore { store, bucket, database in
            let again = try await Self.open(try Self.settings(bucket), database)
            #expect(again.storeID == store.storeID)
            try await again.shutdown()
            let empty = await #expect(throws: DaybookError.self) {
                _ = try await Self.open(try Self.settings(bucket, "elsewhere"), database)
            }
            #expect(empty?.kind == .configuration && empty?.sentence.contains("missing") == true)
            try await withEngine { other in
                let foreign = await #expect(throws: DaybookError.self) {
                    _ = try await Self.open(try Self.settings(bucket), other)
                }
                #expect(foreign?.kind == .configuration && foreign?.sentence.contains("another database") == true)
            }
            // Who was killed between the mark and the database goes on.
            try await execute("DELETE FROM daybook.video_store", in: database)
            let next = try await Self.open(try Self.settings(bucket), database)
            #expect(next.storeID == store.storeID)
            try await next.shutdown()
        }
    }

    @Test func `a folder that is copied with its mark is the store in its bucket`() async throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await TestBucket.run { bucket in
            try await withEngine { database in
                let scratch = try ScratchFolder()
                let connection = try await Connection.open(database)
                let folder = try await connection.run { try VideoFolder(scratch.file("videos"), of: $0) }
                await connection.close()
                let writer = try await folder.begin(Self.taskID)
                try writer.append(bytes, atMost: .max)
                let video = try await folder.keep(writer, of: Self.taskID, "video/mp4")
                let settings = try Self.settings(bucket)
                let copier = Bucket(settings)
                var names: [String] = []
                for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
                    let path = "\(folder.path)/\(name)"
                    guard
                        try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
                            == .typeRegular
                    else { continue }
                    let content = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
                    let upload = Bucket.Upload(
                        digest: SHA256Digest.hex(content), sizeBytes: Int64(content.count), contentType: "",
                        pieces: { .bytes(content) })
                    _ = try await copier.call(.PUT, name, upload: upload, expecting: [200])
                    names.append(name)
                }
                try await copier.shutdown()
                #expect(names.count == 2)
                let store = try await Self.open(settings, database)
                #expect(store.storeID == folder.storeID)
                #expect(try await Self.read(store, video, 0..<100_000) == bytes)
                #expect(try await store.remove(Self.taskID))
                try await store.shutdown()
            }
        }
    }

    @Test func `what cannot be a store at the start says so, and whether trying again may help`() async throws {
        try await TestBucket.run { bucket in
            try await withEngine { database in
                let cases: [(BucketSettings, FailureKind, String)] = [
                    (try Self.settings(bucket, secret: "wrong"), .configuration, "SignatureDoesNotMatch"),
                    (try Self.settings(bucket, name: "nobodys"), .configuration, "NoSuchBucket"),
                    (try Self.settings(bucket, endpoint: "http://127.0.0.1:9"), .tryAgain, "does not answer"),
                    (try Self.settings(bucket, folder: "/nowhere"), .configuration, "/nowhere takes no videos"),
                ]
                for (settings, kind, words) in cases {
                    let error = await #expect(throws: DaybookError.self) { _ = try await Self.open(settings, database) }
                    #expect(
                        error?.kind == kind && error?.sentence.contains(words) == true, "\(String(describing: error))")
                    #expect(error?.debugDescription.contains(TestBucket.keyID) == false)
                }
                try await bucket.fail(.busy, "GET", times: Limits.bucketTries)
                let busy = await #expect(throws: DaybookError.self) {
                    _ = try await Self.open(try Self.settings(bucket), database)
                }
                #expect(busy?.kind == .tryAgain && busy?.sentence.contains("503 (SlowDown)") == true)
                // Nothing is known of any of them.
                let connection = try await Connection.open(database)
                #expect(try await connection.run { try StoreMark.known(to: $0) } == nil)
                await connection.close()
            }
        }
    }

    @Test func `a video is there to the byte when the bucket says so, and parts of it are those parts`() async throws {
        let bytes = (0..<700_001).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 7) }
        try await Self.withStore { store, bucket, _ in
            let writer = try await Self.written(store, bytes)
            // Calls that fail once are made again.
            try await bucket.fail(.busy, "PUT")
            let video = try await store.keep(writer, of: Self.taskID, "video/webm")
            #expect(video.digest == SHA256Digest.bytes(bytes) && video.sizeBytes == 700_001)
            #expect(try await Self.read(store, video, 0..<700_001) == bytes)
            for range in [0..<1, 700_000..<700_001, 65_535..<65_537, 1..<600_000] {
                #expect(try await Self.read(store, video, range) == Array(bytes[range]), "\(range)")
            }
            // What is answered instead of these bytes is never taken for them.
            for fault in [TestBucket.Fault.whole, .otherPart, .cut, .busy] {
                try await bucket.fail(fault, "GET", times: fault == .busy ? Limits.bucketTries : 1)
                await #expect(throws: (any Error).self, "\(fault)") { try await Self.read(store, video, 10..<60_000) }
            }
            let shorter = StoredVideo(digest: video.digest, sizeBytes: 700_000, contentType: "video/webm")
            await #expect(throws: VideoFault.self) { try await Self.read(store, shorter, 0..<10) }
            #expect(try await Self.read(store, video, 10..<60_000) == Array(bytes[10..<60_000]))
            // Gone is gone, and there is nothing the second time.
            #expect(try await store.remove(Self.taskID))
            #expect(try await !store.remove(Self.taskID))
            #expect(try await Self.read(store, video, 0..<10) == nil)
            let calls = try await bucket.journal().calls
            #expect(calls["DELETE"] == 1)
        }
    }

    @Test func `a purge takes a video out of a bucket, looks that it is gone, and refuses one that keeps versions`()
        async throws
    {
        let bytes = [UInt8](repeating: 7, count: 1_000)
        try await Self.withStore { store, bucket, database in
            let video = try await store.keep(try await Self.written(store, bytes), of: Self.taskID, "video/mp4")
            let connection = try await Connection.open(database)
            let settings = try Self.settings(bucket)
            let taking = try await BucketStore.existing(settings, of: connection)
            #expect(try await taking.remove(Self.taskID, digest: video.digest))
            #expect(try await Self.read(store, video, 0..<1_000) == nil)
            // What was gone before is said to have been.
            #expect(try await taking.remove(Self.taskID, digest: video.digest) == false)
            // A bucket that was emptied, or that is another one, has not had its videos removed.
            try await bucket.empty("daybook-store")
            let moved = await #expect(throws: DaybookError.self) {
                _ = try await taking.remove(Self.taskID, digest: video.digest)
            }
            #expect(moved?.sentence.contains("is missing or another's") == true)
            await taking.disconnect()
            let missing = await #expect(throws: DaybookError.self) {
                _ = try await BucketStore.existing(settings, of: connection)
            }
            #expect(missing?.sentence.contains("its mark") == true)
            await connection.close()
        }
        try await Self.withStore { _, bucket, database in
            try await bucket.keepVersions()
            let connection = try await Connection.open(database)
            let refused = await #expect(throws: DaybookError.self) {
                _ = try await BucketStore.existing(try Self.settings(bucket), of: connection)
            }
            #expect(refused?.sentence.contains("keeps versions of what is deleted") == true)
            await connection.close()
        }
        // A database that has no store gets none by a purge.
        try await TestBucket.run { bucket in
            try await withEngine { database in
                let connection = try await Connection.open(database)
                let refused = await #expect(throws: DaybookError.self) {
                    _ = try await BucketStore.existing(try Self.settings(bucket), of: connection)
                }
                #expect(refused?.sentence.contains("has no store of videos") == true)
                #expect(try await bucket.journal().calls.isEmpty)
                await connection.close()
            }
        }
    }

    @Test func `what the bucket did not keep whole is no video of the store, and is sent again`() async throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await Self.withStore { store, bucket, _ in
            let writer = try await Self.written(store, bytes)
            for fault in [TestBucket.Fault.hangUp, .busy] {
                try await bucket.fail(fault, "PUT", times: Limits.bucketTries)
                let error = await #expect(throws: VideoFault.self, "\(fault)") {
                    _ = try await store.keep(writer, of: Self.taskID, "video/mp4")
                }
                guard case .store? = error else {
                    Issue.record("\(fault): \(String(describing: error))")
                    continue
                }
            }
            // It says that it took it, and has nothing, or less.
            for fault in [TestBucket.Fault.lose, .shorten] {
                try await bucket.fail(fault, "PUT")
                await #expect(throws: VideoFault.self, "\(fault)") {
                    _ = try await store.keep(writer, of: Self.taskID, "video/mp4")
                }
            }
            #expect(!writer.isSpoilt)
            let video = try await store.keep(writer, of: Self.taskID, "video/mp4")
            #expect(try await Self.read(store, video, 0..<100_000) == bytes)
        }
    }
}
