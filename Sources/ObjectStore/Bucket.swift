import AsyncHTTPClient
import BatchEngine
import Codecs
import Domain
import Foundation
import NIOCore
import NIOHTTP1

/// What a bucket answers instead of what was asked for.
struct BucketFault: Error {
    /// What is met, for a person: with the bucket's name and never with a key.
    let sentence: String
    /// The status of the answer; nil where none came.
    let status: Int?
    /// The service's own word for it, where it gave one.
    var word: String?

    /// True for what trying again may mend: not a call that the service does not have.
    var passes: Bool { status.map { ($0 >= 500 && $0 != 501) || [408, 425, 429].contains($0) } ?? true }

    var asVideoFault: VideoFault { .store(sentence) }
}

/// The calls to a bucket, in the style with its name in the path, each signed and tried a few times.
final class Bucket: Sendable {
    let settings: BucketSettings
    private let signature: RequestSignature
    private let calls: HTTPClient
    /// For videos that are read as slowly as those who watch them.
    private let readings: HTTPClient

    init(_ settings: BucketSettings) {
        self.settings = settings
        signature = RequestSignature(key: settings.key, region: settings.region)
        calls = Self.client(silence: Limits.bucketSilenceSeconds)
        readings = Self.client(silence: Limits.bucketReadSeconds)
    }

    private static func client(silence seconds: Int64) -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(
                connect: .seconds(10), read: .seconds(seconds), write: .seconds(Limits.bucketSilenceSeconds)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Limits.bucketConnections
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// No call may be under way or follow.
    func shutdown() async throws {
        try await calls.shutdown()
        try await readings.shutdown()
    }

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPHeaders
        let body: [UInt8]
    }

    /// A body whose digest is known before its first byte goes.
    struct Upload: Sendable {
        let digest: String
        let sizeBytes: Int64
        let contentType: String
        let pieces: @Sendable () -> HTTPClientRequest.Body
    }

    /// One of the statuses that are expected. Throws ``BucketFault`` for any other, and where no answer comes.
    func call(
        _ method: HTTPMethod, _ name: String?, query: [(name: String, value: String)] = [],
        fields: [(name: String, value: String)] = [], upload: Upload? = nil, expecting expected: Set<Int>
    ) async throws -> Answer {
        try await trying {
            let request = self.request(method, name, query: query, fields: fields, upload: upload)
            let limit = upload == nil ? Limits.bucketSilenceSeconds : Limits.copyTrySeconds
            let response = try await self.calls.execute(request, timeout: .seconds(limit))
            let body = try await response.body.collect(upTo: Limits.bucketAnswerBytes)
            let status = Int(response.status.code)
            guard expected.contains(status) else { throw self.fault(status, method, Array(body.readableBytesView)) }
            return Answer(status: status, headers: response.headers, body: Array(body.readableBytesView))
        }
    }

    /// Bytes of an object that has so many: nil where there is none. Throws ``BucketFault`` for everything but these
    /// very bytes.
    func open(_ name: String, from first: Int64, count: Int64, of size: Int64) async throws -> HTTPClientResponse? {
        let last = first + count - 1
        return try await trying {
            let request = self.request(.GET, name, fields: [("range", "bytes=\(first)-\(last)")])
            let response = try await self.readings.execute(request, timeout: .seconds(Limits.bucketSilenceSeconds))
            let status = Int(response.status.code)
            guard status == 206 else {
                let body = (try? await response.body.collect(upTo: Limits.bucketAnswerBytes)) ?? ByteBuffer()
                let fault = self.fault(status, .GET, Array(body.readableBytesView))
                if status == 404, fault.word != Self.noBucket { return nil }
                throw fault
            }
            guard response.headers["content-range"].map({ $0.lowercased() }) == ["bytes \(first)-\(last)/\(size)"],
                response.headers.first(name: "content-length").map({ $0 == "\(count)" }) ?? true
            else {
                throw BucketFault(
                    sentence: "The bucket \(self.settings.name) answers another part of a video than was asked for.",
                    status: status)
            }
            return response
        }
    }

    static let noBucket = "NoSuchBucket"

    private func request(
        _ method: HTTPMethod, _ name: String?, query: [(name: String, value: String)] = [],
        fields: [(name: String, value: String)] = [], upload: Upload? = nil
    ) -> HTTPClientRequest {
        let path = "/\(settings.bucket)" + (name.map { "/\(settings.prefix)\($0)" } ?? "/")
        var content = RequestSignature.Content(
            method: method.rawValue, host: settings.host, path: path, query: query, fields: fields)
        if let upload {
            content.bodyDigest = upload.digest
            content.fields.append(("content-type", upload.contentType))
        }
        let text = RequestSignature.query(query)
        let encoded = RequestSignature.encode(path, keeping: UInt8(ascii: "/"))
        var request = HTTPClientRequest(url: settings.endpoint + encoded + (text.isEmpty ? "" : "?" + text))
        request.method = method
        let now = Instant(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        for field in signature.fields(of: content, at: now) {
            request.headers.add(name: field.name, value: field.value)
        }
        if let upload { request.body = upload.pieces() }
        return request
    }

    /// Tries a few times what may pass by.
    private func trying<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        for attempt in 1... {
            let fault: BucketFault
            do {
                return try await body()
            } catch let error as BucketFault {
                fault = error
            } catch let error {
                try Task.checkCancellation()
                if let error = error as? VideoFault { throw error }
                fault = BucketFault(
                    sentence: "The bucket \(settings.name) does not answer: \(Self.words(error)).", status: nil)
            }
            guard fault.passes, attempt < Limits.bucketTries else { throw fault }
            try await Task.sleep(for: .milliseconds(Limits.bucketPauseMilliseconds << Int64(attempt - 1)))
        }
        preconditionFailure("the last try ends the loop")
    }

    private static func words(_ error: any Error) -> String {
        (error as? HTTPClientError)?.shortDescription ?? "the line cannot be made, or broke"
    }

    private func fault(_ status: Int, _ method: HTTPMethod, _ body: [UInt8]) -> BucketFault {
        // Of what it says nothing is shown but its word, such as SlowDown.
        let word = Self.texts("Code", String(decoding: body, as: UTF8.self)).first.flatMap { text in
            text.count <= 60 && text.allSatisfy { $0.isASCII && $0.isLetter } ? text : nil
        }
        let named = word.map { " (\($0))" } ?? ""
        return BucketFault(
            sentence: "The bucket \(settings.name) answers \(status)\(named) to \(method.rawValue).", status: status,
            word: word)
    }

    /// What stands in the elements of a name. Nothing that is read here has a character that XML writes in other words.
    static func texts(_ element: String, _ xml: String) -> [String] {
        var texts: [String] = []
        var rest = xml[...]
        while let start = rest.range(of: "<\(element)>"),
            let end = rest.range(of: "</\(element)>", range: start.upperBound..<rest.endIndex)
        {
            texts.append(String(rest[start.upperBound..<end.lowerBound]))
            rest = rest[end.upperBound...]
        }
        return texts
    }
}
