import Codecs
import Domain
import Formats
import Foundation
import Postgres
import TestSupport
import Testing

@testable import BatchEngine

/// The store of videos: a folder with a mark, and files that are whole or not there.
@Suite struct VideoFolderTests {
    private static let taskID = "5a87c39e-9001-481e-badb-d9edad7f9b2d"

    @Test func `a store is the folder with the mark that the database knows, and no other`() async throws {
        try await withPool { pool, settings in
            let scratch = try ScratchFolder()
            let path = scratch.file("videos")
            let store = try await pool.run { try VideoFolder(path, of: $0) }
            #expect(try await pool.run { try VideoFolder(path + "/", of: $0) } == store)
            #expect(try await pool.run { try StoreMark.known(to: $0) } == store.storeID)
            // A disk that is not mounted is an empty folder.
            let empty = scratch.file("empty")
            try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: false)
            for other in [empty, scratch.file("nowhere")] {
                let error = await #expect(throws: DaybookError.self) {
                    try await pool.run { try VideoFolder(other, of: $0) }
                }
                #expect(error?.kind == .configuration && error?.sentence.contains("mounted") == true)
                #expect(!FileManager.default.fileExists(atPath: other + "/daybook-store"))
            }
            // Another database does not take it, and makes one of its own elsewhere.
            try await withPool { other, _ in
                let error = await #expect(throws: DaybookError.self) {
                    try await other.run { try VideoFolder(path, of: $0) }
                }
                #expect(error?.kind == .configuration && error?.sentence.contains("another database") == true)
                let own = try await other.run { try VideoFolder(scratch.file("own"), of: $0) }
                #expect(own != store)
            }
            // Who was killed between the mark and the database goes on.
            try await execute("DELETE FROM daybook.video_store", in: settings)
            #expect(try await pool.run { try VideoFolder(path, of: $0) } == store)
        }
    }

    @Test func `a video is there when it is whole, under its digest, and nothing unfinished stays`() async throws {
        try await withPool { pool, _ in
            let scratch = try ScratchFolder()
            let store = try await pool.run { try VideoFolder(scratch.file("videos"), of: $0) }
            let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            // Left by somebody who was killed.
            let left = try await store.begin(Self.taskID)
            try left.append(Array(bytes.prefix(1000)), atMost: 1 << 20)
            let folder = store.folder(of: Self.taskID)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
            let writer = try await store.begin(Self.taskID)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
            for start in stride(from: 0, to: bytes.count, by: 65_536) {
                try writer.append(Array(bytes[start..<min(start + 65_536, bytes.count)]), atMost: 200_000)
            }
            #expect(throws: VideoFault.tooLarge) { try writer.append([0], atMost: 200_000) }
            let video = try await store.keep(writer, of: Self.taskID, "video/mp4")
            #expect(video.digest == SHA256Digest.bytes(bytes) && video.sizeBytes == 200_000)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder) == [Hexadecimal.text(video.digest)])
            // The one that was thought dead makes nothing of it.
            #expect(throws: VideoFault.self) { _ = try left.finish("video/mp4") }
            #expect(left.isSpoilt)
            for (place, count) in [(0, 10), (65_530, 20), (199_990, 10), (0, 200_000)] {
                let file = try #require(
                    try await store.open(video, of: Self.taskID, from: Int64(place), count: Int64(count)))
                var read: [UInt8] = []
                while let piece = try await file.next() { read += piece }
                #expect(read == Array(bytes[place..<place + count]))
            }
            // One with another size than the record says is not the one.
            let other = StoredVideo(digest: video.digest, sizeBytes: 199_999, contentType: "video/mp4")
            #expect(try await store.open(other, of: Self.taskID, from: 0, count: 1) == nil)
            #expect(try await store.remove(Self.taskID))
            #expect(try await !store.remove(Self.taskID))
            #expect(try await store.open(video, of: Self.taskID, from: 0, count: 1) == nil)
        }
    }

    @Test func `a video is removed for good, or it is said why not`() async throws {
        try await withPool { pool, _ in
            let scratch = try ScratchFolder()
            let path = scratch.file("videos")
            let made = try await pool.run { try VideoFolder(path, of: $0) }
            let store = try await pool.run { try VideoFolder(existing: path, of: $0) }
            #expect(store == made)
            let writer = try await store.begin(Self.taskID)
            try writer.append([1, 2, 3], atMost: 10)
            let video = try writer.finish("video/mp4")
            let folder = store.folder(of: Self.taskID)
            // Whatever else lies there of the task goes as well, but for what nobody can remove.
            try "half".write(toFile: folder + "/x.part", atomically: false, encoding: .utf8)
            try FileManager.default.createDirectory(atPath: folder + "/y", withIntermediateDirectories: false)
            let stuck = await #expect(throws: DaybookError.self) {
                _ = try await store.remove(Self.taskID, digest: video.digest)
            }
            #expect(stuck?.kind == .output && stuck?.sentence.contains("/y cannot be removed") == true)
            try FileManager.default.removeItem(atPath: folder + "/y")
            try Data([1, 2, 3]).write(to: URL(fileURLWithPath: "\(folder)/\(Hexadecimal.text(video.digest))"))
            #expect(try await store.remove(Self.taskID, digest: video.digest))
            #expect(!FileManager.default.fileExists(atPath: folder))
            #expect(try await !store.remove(Self.taskID, digest: video.digest))
            // On a disk that is not there everything is missing, and nothing is removed.
            try FileManager.default.moveItem(atPath: path, toPath: scratch.file("unmounted"))
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            let missing = await #expect(throws: DaybookError.self) {
                _ = try await store.remove(Self.taskID, digest: video.digest)
            }
            #expect(missing?.kind == .configuration && missing?.sentence.contains("mounted") == true)
            // Nobody is told that a video is not there when nobody can know.
            await #expect(throws: VideoFault.self) {
                _ = try await store.open(video, of: Self.taskID, from: 0, count: 1)
            }
        }
        try await withPool { pool, _ in
            let error = await #expect(throws: DaybookError.self) {
                try await pool.run { try VideoFolder(existing: "/nowhere", of: $0) }
            }
            #expect(error?.sentence.contains("has no store of videos") == true)
        }
    }

    @Test func `a disk without room says so, and leaves nothing behind`() async throws {
        try await withPool { pool, _ in
            let disk = try SmallDisk(kilobytes: 512)
            let store = try await pool.run { try VideoFolder(disk.path + "/videos", of: $0) }
            let writer = try await store.begin(Self.taskID)
            let error = #expect(throws: VideoFault.self) {
                for _ in 0..<100 { try writer.append([UInt8](repeating: 1, count: 65_536), atMost: 1 << 30) }
            }
            guard case .store(let sentence)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(sentence.contains("No space left on device"))
        }
    }
}
