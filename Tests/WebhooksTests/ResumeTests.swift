import Codecs
import Domain
import NIOCore
import NIOPosix
import Synchronization
import Testing
import Webhooks

@testable import BatchEngine

/// A video whose line broke goes on where it broke, and only with bytes that are its own.
@Suite(.serialized) struct ResumeTests {
    /// What one request is answered with. The line is closed after it, where it is cut once the client has taken it: what
    /// is on its way when a line breaks may not be read any more.
    private struct Reply: Sendable {
        let head: String
        let bytes: ArraySlice<UInt8>
        var isCut = false

        static func whole(
            _ video: [UInt8], tag: String? = "\"v1\"", ranges: String? = "bytes", cutAt: Int? = nil
        ) -> Reply {
            Reply(
                head: "200 OK\r\ncontent-length: \(video.count)\r\n" + (tag.map { "etag: \($0)\r\n" } ?? "")
                    + (ranges.map { "accept-ranges: \($0)\r\n" } ?? ""),
                bytes: video[..<(cutAt ?? video.count)], isCut: cutAt != nil)
        }

        /// The rest from a byte on, as it says itself.
        static func rest(
            _ video: [UInt8], from first: Int, says range: String? = nil, tag: String? = "\"v1\"", cutAt: Int? = nil
        ) -> Reply {
            let last = video.count - 1
            return Reply(
                head: "206 Partial Content\r\ncontent-length: \(video.count - first)\r\n"
                    + "content-range: \(range ?? "bytes \(first)-\(last)/\(video.count)")\r\n"
                    + (tag.map { "etag: \($0)\r\n" } ?? ""),
                bytes: video[first..<(cutAt ?? video.count)], isCut: cutAt != nil)
        }

        static func status(_ text: String) -> Reply { Reply(head: "\(text)\r\ncontent-length: 0\r\n", bytes: []) }
    }

    /// Answers one request after the other by the bytes that it asks for, and remembers what it was asked.
    private final class Script: Sendable {
        private let replies: Mutex<[@Sendable (Int) -> Reply]>
        let asked = Mutex([(range: String?, tag: String?)]())

        init(_ replies: [@Sendable (Int) -> Reply]) {
            self.replies = Mutex(replies)
        }

        private let cut = Mutex<(channel: any Channel, left: Int)?>(nil)

        func willCut(_ channel: any Channel, after count: Int) {
            cut.withLock { $0 = (channel, count) }
        }

        /// The client has taken so many bytes more.
        func took(_ count: Int) {
            let channel: (any Channel)? = cut.withLock { cut in
                guard let open = cut else { return nil }
                cut = open.left > count ? (open.channel, open.left - count) : nil
                return open.left > count ? nil : open.channel
            }
            channel?.close(promise: nil)
        }

        func answer(_ request: String) -> Reply {
            func field(_ name: String) -> String? {
                request.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name + ": ") }
                    .map { String($0.dropFirst(name.count + 2)) }
            }
            let range = field("range")
            asked.withLock { $0.append((range, field("if-range"))) }
            let first = range.flatMap { Int($0.dropFirst("bytes=".count).dropLast()) } ?? 0
            let next = replies.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            return next?(first) ?? .status("500 Nothing left")
        }
    }

    private final class Handler: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let script: Script

        init(_ script: Script) {
            self.script = script
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let reply = script.answer(String(buffer: Self.unwrapInboundIn(data)))
            var buffer = ByteBuffer(string: "HTTP/1.1 \(reply.head)content-type: video/mp4\r\n\r\n")
            buffer.writeBytes(reply.bytes)
            if reply.isCut { script.willCut(context.channel, after: reply.bytes.count) }
            context.writeAndFlush(NIOAny(buffer), promise: nil)
            if !reply.isCut { context.close(promise: nil) }
        }
    }

    /// The source itself, which tells the server how far it has come.
    private struct Told: VideoSource {
        let source: HTTPVideoSource
        let script: Script

        func read(
            _ url: String, after beginning: VideoBeginning?, begin: @Sendable (VideoHead) async throws -> Void,
            piece: @escaping @Sendable ([UInt8]) async throws -> Void
        ) async throws {
            try await source.read(url, after: beginning, begin: begin) { bytes in
                try await piece(bytes)
                script.took(bytes.count)
            }
        }
    }

    /// Tries one after the other, as a worker does, and gives what came of each.
    private static func tries(
        _ count: Int, paths: [String] = [], _ replies: [@Sendable (Int) -> Reply]
    ) async throws -> (faults: [VideoFault?], part: VideoPart, asked: [(range: String?, tag: String?)]) {
        let script = Script(replies)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture { try child.pipeline.syncOperations.addHandler(Handler(script)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let base = "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
        let source = HTTPVideoSource(providerURL: base)
        let part = VideoPart(try VideoWriter(in: "/var/tmp", isNamed: false))
        var faults: [VideoFault?] = []
        for number in 0..<count {
            do {
                try await part.fetch(
                    base + (paths.isEmpty ? "/video" : paths[number]), from: Told(source: source, script: script)
                ) { _ in }
                faults.append(nil)
            } catch let fault as VideoFault {
                faults.append(fault)
            }
        }
        try await source.shutdown()
        try await channel.close()
        return (faults, part, script.asked.withLock(\.self))
    }

    private static func isLine(_ fault: VideoFault?) -> Bool { if case .line? = fault { true } else { false } }

    private static func isOther(_ fault: VideoFault?) -> Bool { if case .otherRest? = fault { true } else { false } }

    private static let video = (0..<1_000_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 7) }
    /// Another one of the same length.
    private static let second = video.map { $0 ^ 0x55 }

    private static func expect(_ part: VideoPart, is video: [UInt8]) throws {
        #expect(part.writer.sizeBytes == Int64(video.count))
        #expect(part.writer.digestBytes() == SHA256Digest.bytes(video))
        #expect(try part.writer.read(video.count, at: 0) == video)
    }

    private static func expect(_ asked: [String?], _ sent: [Int?], _ name: String = "") {
        #expect(asked == sent.map { first in first.map { "bytes=\($0)-" } }, "\(name)")
    }

    @Test func `a copy goes on at the byte at which it broke off, as often as it breaks`() async throws {
        let video = Self.video
        let (faults, part, asked) = try await Self.tries(
            3,
            [
                { _ in .whole(video, cutAt: 400_000) }, { .rest(video, from: $0, cutAt: 700_000) },
                { .rest(video, from: $0) },
            ])
        #expect(Self.isLine(faults[0]) && Self.isLine(faults[1]) && faults[2] == nil, "\(faults)")
        try Self.expect(part, is: video)
        Self.expect(asked.map(\.range), [nil, 400_000, 700_000])
        #expect(asked.map(\.tag) == [nil, "\"v1\"", "\"v1\""])
    }

    @Test func `another video is read from its first byte, and nothing of the first is left`() async throws {
        let (video, second) = (Self.video, Self.second)
        let shorter = Array(second.prefix(600_000))
        for other in [second, shorter] {
            let (faults, part, asked) = try await Self.tries(
                3,
                [
                    { _ in .whole(video, cutAt: 400_000) }, { _ in .whole(other, tag: "\"v2\"", cutAt: 300_000) },
                    { .rest(other, from: $0, tag: "\"v2\"") },
                ])
            #expect(Self.isLine(faults[1]) && faults[2] == nil, "\(faults)")
            try Self.expect(part, is: other)
            #expect(asked.map(\.tag) == [nil, "\"v1\"", "\"v2\""])
            Self.expect(asked.map(\.range), [nil, 400_000, 300_000])
        }
    }

    @Test func `a rest that is not exactly the one that was asked for is thrown away with what was there`() async throws
    {
        let (video, second) = (Self.video, Self.second)
        let lies: [(String, @Sendable (Int) -> Reply)] = [
            ("another part", { .rest(video, from: $0, says: "bytes \($0 + 1)-999999/1000000") }),
            ("its end", { .rest(video, from: $0, says: "bytes \($0)-999998/1000000") }),
            ("its length", { .rest(video, from: $0, says: "bytes \($0)-999999/*") }),
            ("another length", { .rest(second + [1], from: $0) }),
            (
                "no range",
                { Reply(head: Reply.rest(video, from: $0).head.replacing("content-range", with: "x"), bytes: []) }
            ),
            (
                "two ranges",
                { .rest(video, from: $0, says: "bytes 0-1/1000000\r\ncontent-range: bytes \($0)-999999/1000000") }
            ),
            ("another tag", { .rest(second, from: $0, tag: "\"v2\"") }),
            ("no tag", { .rest(second, from: $0, tag: nil) }),
            ("416", { _ in .status("416 Range Not Satisfiable") }),
            (
                "more than it says",
                {
                    let rest = Reply.rest(video, from: $0)
                    let size = String(1_000_000 - $0 + 5, radix: 16)
                    let head = rest.head.replacing(
                        "content-length: \(1_000_000 - $0)", with: "transfer-encoding: chunked")
                    let bytes = Array("\(size)\r\n".utf8) + rest.bytes + Array("abcde\r\n0\r\n\r\n".utf8)
                    return Reply(head: head, bytes: bytes[...])
                }
            ),
        ]
        for (name, lie) in lies {
            let (faults, part, asked) = try await Self.tries(
                3, [{ _ in .whole(video, cutAt: 400_000) }, lie, { _ in .whole(video) }])
            #expect(Self.isOther(faults[1]) && faults[2] == nil, "\(name): \(faults)")
            try Self.expect(part, is: video)
            Self.expect(asked.map(\.range), [nil, 400_000, nil], name)
        }
    }

    @Test func `an answer that passes by leaves what is there, and a 206 that nobody asked for is none`() async throws {
        let video = Self.video
        let (faults, part, asked) = try await Self.tries(
            4,
            [
                { .rest(video, from: $0) }, { _ in .whole(video, cutAt: 400_000) }, { _ in .status("503 Busy") },
                { .rest(video, from: $0) },
            ])
        #expect(faults.prefix(3).allSatisfy(Self.isLine) && faults[3] == nil, "\(faults)")
        try Self.expect(part, is: video)
        Self.expect(asked.map(\.range), [nil, nil, 400_000, 400_000])
    }

    @Test func `who does not say that parts are to be had, or has another address, is asked for all of it`()
        async throws
    {
        let video = Self.video
        let heads: [Reply] = [
            .whole(video, tag: nil, cutAt: 400_000), .whole(video, tag: "W/\"v1\"", cutAt: 400_000),
            .whole(video, ranges: nil, cutAt: 400_000), .whole(video, ranges: "none", cutAt: 400_000),
        ]
        for head in heads {
            let (faults, part, asked) = try await Self.tries(2, [{ _ in head }, { _ in .whole(video) }])
            #expect(Self.isLine(faults[0]) && faults[1] == nil, "\(faults)")
            try Self.expect(part, is: video)
            #expect(asked.map(\.range) == [nil, nil], "\(head.head)")
        }
        let (_, part, asked) = try await Self.tries(
            2, paths: ["/one", "/two"], [{ _ in .whole(video, cutAt: 400_000) }, { _ in .whole(video) }])
        try Self.expect(part, is: video)
        #expect(asked.map(\.range) == [nil, nil])
    }
}
