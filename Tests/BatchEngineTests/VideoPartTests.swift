import Codecs
import Domain
import Synchronization
import TestSupport
import Testing

@testable import BatchEngine

/// What a worker keeps of a video from one try to the next, and what it does not.
@Suite struct VideoPartTests {
    /// Gives bytes and counts how often it was asked.
    private final class Source: VideoSource {
        let reads = Mutex(0)
        let bytes: [UInt8]
        let tag: String?
        let cutAt: Int

        init(_ bytes: [UInt8], tag: String? = "\"v1\"", cutAt: Int? = nil) {
            self.bytes = bytes
            self.tag = tag
            self.cutAt = cutAt ?? bytes.count
        }

        func read(
            _ url: String, after beginning: VideoBeginning?, begin: @Sendable (VideoHead) async throws -> Void,
            piece: @escaping @Sendable ([UInt8]) async throws -> Void
        ) async throws {
            reads.withLock { $0 += 1 }
            let first = Int(beginning?.bytes ?? 0)
            try await begin(
                VideoHead(
                    sizeBytes: Int64(bytes.count), contentType: "video/mp4", firstByte: Int64(first), tag: tag))
            try await piece(Array(bytes[first..<max(first, cutAt)]))
            if cutAt < bytes.count { throw VideoFault.line("cut") }
        }
    }

    private static let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    private static func part() throws -> VideoPart { VideoPart(try VideoWriter(in: "/var/tmp", isNamed: false)) }

    @Test func `what came whole is not asked for again, whatever the store did with it`() async throws {
        let source = Source(Self.bytes, tag: nil)
        let part = try Self.part()
        for _ in 0..<3 { try await part.fetch("http://a/v", from: source) { _ in } }
        #expect(source.reads.withLock(\.self) == 1 && part.isWorthKeeping && part.contentType == "video/mp4")
        #expect(part.writer.digestBytes() == SHA256Digest.bytes(Self.bytes))
    }

    @Test func `a beginning is kept by its tag, and room is asked for before the first byte`() async throws {
        let part = try Self.part()
        await #expect(throws: VideoFault.crowded) {
            try await part.fetch("http://a/v", from: Source(Self.bytes)) { size in
                #expect(size == 100_000)
                throw VideoFault.crowded
            }
        }
        #expect(part.writer.sizeBytes == 0 && !part.isWorthKeeping)
        await #expect(throws: VideoFault.line("cut")) {
            try await part.fetch("http://a/v", from: Source(Self.bytes, cutAt: 40_000)) { _ in }
        }
        #expect(part.isWorthKeeping)
        // A crowd does not cost what is there.
        await #expect(throws: VideoFault.crowded) {
            try await part.fetch("http://a/v", from: Source(Self.bytes)) { _ in throw VideoFault.crowded }
        }
        try await part.fetch("http://a/v", from: Source(Self.bytes)) { _ in }
        #expect(part.writer.digestBytes() == SHA256Digest.bytes(Self.bytes))
        let other = try Self.part()
        await #expect(throws: VideoFault.self) {
            try await other.fetch("http://a/v", from: Source(Self.bytes, tag: nil, cutAt: 40_000)) { _ in }
        }
        #expect(!other.isWorthKeeping)
    }

    @Test func `few are kept, with few bytes, and one that a full disk broke is not`() async throws {
        var kept = KeptParts()
        for number in 0...Limits.keptParts {
            let part = try Self.part()
            try await part.fetch("http://a/v", from: Source(Self.bytes)) { _ in }
            kept.keep(part, of: "\(number)")
        }
        #expect(kept.take("\(Limits.keptParts)") == nil)
        for number in 0..<Limits.keptParts {
            #expect(kept.take("\(number)") != nil)
            #expect(kept.take("\(number)") == nil)
        }
        let disk = try SmallDisk(kilobytes: 64)
        let part = VideoPart(try VideoWriter(in: disk.path, isNamed: false))
        await #expect(throws: VideoFault.self) {
            try await part.fetch("http://a/v", from: Source(Self.bytes)) { _ in }
        }
        #expect(part.writer.isSpoilt && !part.isWorthKeeping)
        kept.keep(part, of: "spoilt")
        #expect(kept.take("spoilt") == nil)
    }
}
