import BatchEngine
import NIOCore
import NIOPosix
import Synchronization
import Testing
import Webhooks

/// Videos are fetched from where a provider may have them, and taken for one only where they are one, whole.
@Suite(.serialized) struct VideoSourceTests {
    /// Answers what stands under the path of a request, and closes.
    private final class Answers: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let texts: [String: String]

        init(_ texts: [String: String]) {
            self.texts = texts
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let words = String(buffer: Self.unwrapInboundIn(data)).split(separator: " ")
            let text = texts[words.count > 1 ? String(words[1]) : ""] ?? ""
            context.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
            context.close(promise: nil)
        }
    }

    private static func withServer(_ texts: [String: String], _ body: (Int) async throws -> Void) async throws {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    try child.pipeline.syncOperations.addHandler(Answers(texts))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        try await body(channel.localAddress?.port ?? 0)
        try await channel.close()
    }

    private final class Received: Sendable {
        let bytes = Mutex([UInt8]())
        let head = Mutex<VideoHead?>(nil)
    }

    /// What came, or why it did not.
    private static func read(_ source: HTTPVideoSource, _ url: String) async throws -> Result<[UInt8], VideoFault> {
        let received = Received()
        do {
            try await source.read(url, after: nil) { head in
                received.head.withLock { $0 = head }
            } piece: { bytes in
                received.bytes.withLock { $0 += bytes }
            }
            let size = received.head.withLock { $0?.sizeBytes }
            let bytes = received.bytes.withLock(\.self)
            #expect(size == nil || size == Int64(bytes.count), "\(url)")
            return .success(bytes)
        } catch let fault as VideoFault {
            return .failure(fault)
        }
    }

    private static func isMissing(_ result: Result<[UInt8], VideoFault>) -> Bool {
        if case .failure(.missing) = result { true } else { false }
    }

    private static func isLine(_ result: Result<[UInt8], VideoFault>) -> Bool {
        if case .failure(.line) = result { true } else { false }
    }

    @Test func `only the provider's own host may be in a network of one's own, also behind a redirect`() async throws {
        let moved = "HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: "
        let texts = [
            "/video": "HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: 3\r\n\r\nabc",
            "/moved": moved + "/video\r\n\r\n", "/inside": moved + "http://127.0.0.2/video\r\n\r\n",
            "/round": moved + "/round\r\n\r\n",
        ]
        try await Self.withServer(texts) { port in
            let own = HTTPVideoSource(providerURL: "http://127.0.0.1:\(port)")
            let base = "http://127.0.0.1:\(port)"
            for path in ["/video", "/moved"] {
                #expect(try await Self.read(own, base + path) == .success(Array("abc".utf8)), "\(path)")
            }
            for url in [
                base + "/inside", base + "/round", "http://127.0.0.1:\(port + 1)/video", "http://10.0.0.1/video",
                "http://169.254.169.254/latest", "http://[::1]:\(port)/video", "ftp://127.0.0.1:\(port)/video",
                "http://user:word@127.0.0.1:\(port)/video",
            ] {
                #expect(Self.isMissing(try await Self.read(own, url)), "\(url)")
            }
            try await own.shutdown()
            let other = HTTPVideoSource(providerURL: "https://provider.example")
            #expect(Self.isMissing(try await Self.read(other, base + "/video")))
            try await other.shutdown()
        }
    }

    @Test func `what is cut off, a page, and what has no end of its own are no videos`() async throws {
        let video = "HTTP/1.1 200 OK\r\ncontent-type: video/webm; codecs=vp9\r\n"
        let texts = [
            "/chunked": video + "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            "/cut": video + "content-length: 10\r\n\r\nabc",
            "/cut-chunk": video + "transfer-encoding: chunked\r\n\r\n9\r\nabc", "/endless": video + "\r\nabc",
            "/page": "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 3\r\n\r\nabc",
            "/part": "HTTP/1.1 206 Partial\r\ncontent-type: video/mp4\r\ncontent-length: 3\r\n\r\nabc",
            "/gone": "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "/busy": "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "/nothing": "",
        ]
        try await Self.withServer(texts) { port in
            let source = HTTPVideoSource(providerURL: "http://127.0.0.1:\(port)")
            let base = "http://127.0.0.1:\(port)"
            #expect(try await Self.read(source, base + "/chunked") == .success(Array("abcde".utf8)))
            for path in ["/endless", "/page", "/gone"] {
                #expect(Self.isMissing(try await Self.read(source, base + path)), "\(path)")
            }
            for path in ["/cut", "/cut-chunk", "/part", "/busy", "/nothing"] {
                #expect(Self.isLine(try await Self.read(source, base + path)), "\(path)")
            }
            try await source.shutdown()
        }
    }
}
