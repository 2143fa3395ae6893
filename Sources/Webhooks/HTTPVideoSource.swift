import AsyncHTTPClient
public import BatchEngine
import Domain
import Foundation
import NIOCore
import NIOHTTP1

/// Videos over HTTP.
///
/// The provider's answer says where a video is, and that is not trusted more than a customer's address: what its name
/// leads to is judged, also after a redirect, and what was judged is what is connected to. The provider's own host is
/// the operator's choice, wherever it is. Call ``shutdown()`` when done.
public final class HTTPVideoSource: VideoSource {
    private let own: Place?
    private let lookup = HostLookup()

    /// A host and a port, as an address names them.
    private struct Place: Hashable {
        let host: String
        let port: Int

        init?(_ url: String) {
            guard let address = try? WebhookAddress(url, allowsPlain: true) else { return nil }
            host = address.host.lowercased()
            port = address.port
        }
    }

    /// - Parameter providerURL: The provider's own address.
    public init(providerURL: String) {
        own = Place(providerURL)
    }

    /// No call may be under way or follow.
    public func shutdown() async throws {
        try await lookup.shutdown()
    }

    public func read(
        _ url: String, after beginning: VideoBeginning?, begin: @Sendable (VideoHead) async throws -> Void,
        piece: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        var url = url
        for _ in 0...Limits.videoRedirects {
            guard let next = try await step(url, beginning, begin, piece) else { return }
            url = next
        }
        throw VideoFault.missing("The video's address leads from one to the next.")
    }

    /// Reads the video, or gives the address that is answered instead of it.
    private func step(
        _ url: String, _ beginning: VideoBeginning?, _ begin: @Sendable (VideoHead) async throws -> Void,
        _ piece: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws -> String? {
        guard let place = Place(url) else { throw VideoFault.missing("The video's address cannot be read.") }
        let found: [SocketAddress]
        do {
            found = try await lookup.addresses(of: place.host, port: place.port)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw VideoFault.line("The host of the video's address has no address now.")
        }
        guard let text = found.first(where: { place == own || PublicAddress.contains($0) })?.ipAddress else {
            throw VideoFault.missing("The video's address leads to a network of one's own.")
        }
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10), read: .seconds(Limits.copySilenceSeconds)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.dnsOverride = [place.host: text]
        // A client for this call alone: what it may connect to is this address.
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let next = try await get(url, beginning, client, begin, piece)
            try await client.shutdown()
            return next
        } catch {
            try? await client.shutdown()
            throw Self.fault(error)
        }
    }

    private func get(
        _ url: String, _ beginning: VideoBeginning?, _ client: HTTPClient,
        _ begin: @Sendable (VideoHead) async throws -> Void,
        _ piece: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws -> String? {
        var request = HTTPClientRequest(url: url)
        if let beginning {
            request.headers.add(name: "range", value: "bytes=\(beginning.bytes)-")
            request.headers.add(name: "if-range", value: beginning.tag)
        }
        let response = try await client.execute(request, timeout: .seconds(Limits.copyTrySeconds))
        let status = Int(response.status.code)
        if [301, 302, 303, 307, 308].contains(status) {
            guard let named = response.headers.first(name: "location"),
                let next = URL(string: named, relativeTo: URL(string: url))?.absoluteString
            else { throw VideoFault.missing("The video's address answers \(status) without another one.") }
            return next
        }
        switch (status, beginning) {
        case (200, _): try await begin(try Self.head(response.headers))
        case (206, let beginning?): try await begin(try Self.rest(of: beginning, response.headers))
        case (_, let beginning): throw Self.fault(status, isForRest: beginning != nil)
        }
        try await Self.read(response.body, piece)
        return nil
    }

    /// Reads a body to its end, which has to come: the timeout of a call is over with its head.
    private static func read(
        _ body: HTTPClientResponse.Body, _ piece: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for try await buffer in body { try await piece(Array(buffer.readableBytesView)) } }
            group.addTask {
                try await Task.sleep(for: .seconds(Limits.copyTrySeconds))
                throw VideoFault.line("The video took longer than \(Limits.copyTrySeconds) s.")
            }
            try await group.next()
            group.cancelAll()
        }
        // Whoever is cancelled meanwhile sees an end that is none.
        try Task.checkCancellation()
    }

    private static func fault(_ status: Int, isForRest: Bool) -> VideoFault {
        let text = "The video's address answers \(status)."
        // The video has another end than it had.
        if isForRest, status == 416 { return .otherRest(text) }
        return status >= 500 || [206, 408, 425, 429].contains(status) ? .line(text) : .missing(text)
    }

    /// What follows a beginning: exactly the rest that was asked for, of the very same video, or nothing.
    private static func rest(of beginning: VideoBeginning, _ headers: HTTPHeaders) throws -> VideoHead {
        let (first, size) = (beginning.bytes, beginning.sizeBytes)
        let ranges = headers["content-range"]
        guard ranges.map({ $0.lowercased() }) == ["bytes \(first)-\(size - 1)/\(size)"],
            headers["etag"] == [beginning.tag],
            headers.first(name: "content-length").map({ $0 == "\(size - first)" }) ?? true
        else { throw VideoFault.otherRest("The video's address answers another part than was asked for.") }
        return VideoHead(
            sizeBytes: size, contentType: beginning.contentType, firstByte: first, tag: beginning.tag)
    }

    /// What a rest can be asked by, where the answer says that parts are to be had: a strong entity tag.
    private static func tag(_ headers: HTTPHeaders) -> String? {
        guard headers[canonicalForm: "accept-ranges"].contains(where: { $0.lowercased() == "bytes" }),
            let tag = headers.first(name: "etag"), tag.utf8.count > 2, tag.utf8.count <= 200, tag.hasPrefix("\""),
            tag.hasSuffix("\""), tag.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        return tag
    }

    private static func head(_ headers: HTTPHeaders) throws -> VideoHead {
        let size = headers.first(name: "content-length").flatMap { Int64($0) }
        let isChunked = headers[canonicalForm: "transfer-encoding"].contains { $0.lowercased() == "chunked" }
        // Without either its end is the line's, which may break at any byte.
        guard size != nil || isChunked else { throw VideoFault.missing("The video does not say how long it is.") }
        let named = headers.first(name: "content-type")?.split(separator: ";").first.map {
            $0.trimmingCharacters(in: .whitespaces).lowercased()
        }
        let type = named ?? ""
        guard type.isEmpty || type.hasPrefix("video/") || type.hasSuffix("/octet-stream") else {
            throw VideoFault.missing("The video's address answers something that is no video.")
        }
        let isPlain = type.utf8.count <= 100 && type.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        return VideoHead(
            sizeBytes: size, contentType: type.hasPrefix("video/") && isPlain ? type : "video/mp4",
            tag: size == nil ? nil : tag(headers))
    }

    private static func fault(_ error: any Error) -> any Error {
        switch error {
        case is VideoFault, is CancellationError: error
        case let error as HTTPClientError where error == .cancelled: CancellationError()
        case let error as HTTPClientError: VideoFault.line("The video did not come: \(error.shortDescription).")
        default: VideoFault.line("The line to the video broke.")
        }
    }
}
