import BatchEngine
import Domain
import Formats
import HTTPTypes
import Hummingbird
import NIOCore

/// What is answered to a request for a video that its visitor may have: decided before anything is read.
struct VideoAnswer: Sendable {
    enum Kind: Sendable, Equatable {
        case whole
        case part(Int64, Int64)
        /// The visitor has it already.
        case notModified
        /// The visitor has another one.
        case preconditionFailed
        case unsatisfiable
    }

    /// Bytes of the video.
    struct Range: Sendable, Equatable {
        let first: Int64
        let count: Int64
    }

    let kind: Kind
    /// The bytes that are answered; nil where there are none.
    let range: Range?
    private let tag: String
    private let isHead: Bool

    init(_ request: Request, _ video: StoredVideo) {
        let tag = "\"\(Hexadecimal.text(video.digest))\""
        self.tag = tag
        isHead = request.method == .head
        if let named = request.headers[.ifMatch], !Self.names(named, tag, takesWeak: false) {
            (kind, range) = (.preconditionFailed, nil)
        } else if let named = request.headers[.ifNoneMatch], Self.names(named, tag, takesWeak: true) {
            (kind, range) = (.notModified, nil)
        } else {
            // A range is of the very bytes that the visitor has begun with, or it is all of it.
            let condition = request.headers[.ifRange]
            let header = !isHead && (condition == nil || condition == tag) ? request.headers[.range] : nil
            switch ByteRange(header, size: video.sizeBytes) {
            case .whole: (kind, range) = (.whole, Range(first: 0, count: video.sizeBytes))
            case .part(let first, let last):
                (kind, range) = (.part(first, last), Range(first: first, count: last - first + 1))
            case .unsatisfiable: (kind, range) = (.unsatisfiable, nil)
            }
        }
    }

    private static func names(_ header: String, _ tag: String, takesWeak: Bool) -> Bool {
        header.split(separator: ",").map { $0.trimmingPrefix(while: \.isWhitespace) }.contains { named in
            let end = named.lastIndex { !$0.isWhitespace }.map { named[...$0] } ?? ""
            return end == "*" || end == tag || (takesWeak && end == "W/" + tag)
        }
    }

    /// True where bytes of the video are answered.
    var hasContent: Bool { range != nil }

    /// True where it is the video that is answered, or what there is to know of it.
    var isServed: Bool { hasContent || kind == .notModified }

    /// - Parameter file: The bytes of the range; nil where none are to be answered.
    func response(_ video: StoredVideo, _ file: (any OpenVideo)?) -> Response {
        var headers: HTTPFields = [.eTag: tag, .acceptRanges: "bytes", .cacheControl: "private, no-cache"]
        headers[.xContentTypeOptions] = "nosniff"
        if hasContent { headers[.contentType] = video.contentType }
        let size = video.sizeBytes
        switch kind {
        case .whole:
            return Response(status: .ok, headers: headers, body: Self.body(file, size))
        case .part(let first, let last):
            headers[.contentRange] = "bytes \(first)-\(last)/\(size)"
            return Response(
                status: .partialContent, headers: headers, body: Self.body(file, last - first + 1))
        case .notModified: return Response(status: .notModified, headers: headers)
        case .preconditionFailed: return Response(status: .preconditionFailed, headers: headers)
        case .unsatisfiable:
            headers[.contentRange] = "bytes */\(size)"
            return Response(status: .rangeNotSatisfiable, headers: headers)
        }
    }

    private struct CutOff: Error {}

    /// A piece at a time, each when the visitor has taken the one before.
    private static func body(_ file: (any OpenVideo)?, _ count: Int64) -> ResponseBody {
        ResponseBody(contentLength: Int(count)) { writer in
            var left = count
            while left > 0 {
                // What was announced cannot be had: the line breaks, so that nobody takes it for all.
                guard let bytes = try await file?.next(), !bytes.isEmpty, bytes.count <= left else { throw CutOff() }
                try await writer.write(ByteBuffer(bytes: bytes))
                left -= Int64(bytes.count)
            }
            try await writer.finish(nil)
        }
    }
}
