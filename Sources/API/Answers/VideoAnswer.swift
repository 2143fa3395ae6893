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

    let kind: Kind
    private let tag: String
    private let isHead: Bool

    init(_ request: Request, _ video: StoredVideo) {
        tag = "\"\(Hexadecimal.text(video.digest))\""
        isHead = request.method == .head
        if let named = request.headers[.ifMatch], !Self.names(named, tag, takesWeak: false) {
            kind = .preconditionFailed
        } else if let named = request.headers[.ifNoneMatch], Self.names(named, tag, takesWeak: true) {
            kind = .notModified
        } else {
            // A range is of the very bytes that the visitor has begun with, or it is all of it.
            let condition = request.headers[.ifRange]
            let header = !isHead && (condition == nil || condition == tag) ? request.headers[.range] : nil
            switch ByteRange(header, size: video.sizeBytes) {
            case .whole: kind = .whole
            case .part(let first, let last): kind = .part(first, last)
            case .unsatisfiable: kind = .unsatisfiable
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
    var hasContent: Bool {
        switch kind {
        case .whole, .part: true
        case .notModified, .preconditionFailed, .unsatisfiable: false
        }
    }

    /// True where it is the video that is answered, or what there is to know of it.
    var isServed: Bool { hasContent || kind == .notModified }

    /// - Parameter file: The video; nil where none of its bytes are to be answered.
    func response(_ video: StoredVideo, _ file: VideoFile?) -> Response {
        var headers: HTTPFields = [.eTag: tag, .acceptRanges: "bytes", .cacheControl: "private, no-cache"]
        headers[.xContentTypeOptions] = "nosniff"
        if hasContent { headers[.contentType] = video.contentType }
        let size = video.sizeBytes
        switch kind {
        case .whole:
            return Response(status: .ok, headers: headers, body: Self.body(file, 0, size))
        case .part(let first, let last):
            headers[.contentRange] = "bytes \(first)-\(last)/\(size)"
            return Response(
                status: .partialContent, headers: headers, body: Self.body(file, first, last - first + 1))
        case .notModified: return Response(status: .notModified, headers: headers)
        case .preconditionFailed: return Response(status: .preconditionFailed, headers: headers)
        case .unsatisfiable:
            headers[.contentRange] = "bytes */\(size)"
            return Response(status: .rangeNotSatisfiable, headers: headers)
        }
    }

    private struct CutOff: Error {}

    /// A piece at a time, each when the visitor has taken the one before.
    private static func body(_ file: VideoFile?, _ first: Int64, _ count: Int64) -> ResponseBody {
        ResponseBody(contentLength: Int(count)) { writer in
            var (place, left) = (first, count)
            while left > 0 {
                let bytes = await file?.read(Int(min(left, Int64(Limits.videoPieceBytes))), at: place) ?? []
                // What was announced cannot be had: the line breaks, so that nobody takes it for all.
                guard !bytes.isEmpty else { throw CutOff() }
                try await writer.write(ByteBuffer(bytes: bytes))
                place += Int64(bytes.count)
                left -= Int64(bytes.count)
            }
            try await writer.finish(nil)
        }
    }
}
