import HTTPTypes
import Hummingbird
import NIOCore

/// What an address of a video answers once: the video, or what becomes of it on the way.
struct SimulatedVideo: Sendable {
    let id: String
    let kilobytes: Int
    /// One of `Knob.videoFaults`.
    let fault: Knob?

    func response(to request: Request, _ context: SimulatorContext) -> Response {
        if fault == .videoPage { return CannedAnswer.text("<h1>Please log in</h1>", status: 200).response }
        let bytes = VideoBytes(id, kilobytes: kilobytes)
        let (count, fault) = (bytes.count, fault)
        let announced = fault == .videoWrongLength ? 2 * count : count
        // What is asked for by the tag of these bytes, from a byte of them on.
        let first = request.headers[.ifRange] == tag ? Self.first(request.headers[.range]) ?? 0 : 0
        guard first < announced else {
            return Response(status: .rangeNotSatisfiable, headers: [.contentRange: "bytes */\(announced)"])
        }
        let body = ResponseBody(contentLength: announced - first) { writer in
            var place = first
            let end = fault == .videoCut ? (first + count) / 2 : count
            while place < end {
                let block = place - place % VideoBytes.blockBytes
                let piece = bytes.piece(from: block, to: min(block + VideoBytes.blockBytes, end))[(place - block)...]
                try await writer.write(ByteBuffer(bytes: piece))
                place += piece.count
                if fault == .videoSlow { try await Task.sleep(for: .milliseconds(100)) }
            }
            if end < announced { await context.breakLine() }
            try await writer.finish(nil)
        }
        var headers: HTTPFields = [.contentType: "video/mp4", .eTag: tag, .acceptRanges: "bytes"]
        if first > 0 { headers[.contentRange] = "bytes \(first)-\(announced - 1)/\(announced)" }
        return Response(status: first > 0 ? .partialContent : .ok, headers: headers, body: body)
    }

    private var tag: String { "\"\(id)\"" }

    /// The first byte of a range without an end; nil for another one, and for none.
    private static func first(_ range: String?) -> Int? {
        guard let range, range.hasPrefix("bytes="), range.hasSuffix("-") else { return nil }
        return Int(range.dropFirst("bytes=".count).dropLast())
    }
}

/// A file that looks like an MP4 and is the same for the same task every time. A large one is the same block again and
/// again, each with its number in front.
struct VideoBytes: Sendable {
    private let block: [UInt8]
    let count: Int

    static let blockBytes = 65_536
    private static let headBytes = 32

    /// - Parameter kilobytes: 0 is one or two.
    init(_ id: String, kilobytes: Int) {
        block = Self.block(id, count: kilobytes > 0 ? Self.blockBytes - Self.headBytes : nil)
        count = kilobytes > 0 ? 1024 * kilobytes : block.count
    }

    /// The bytes from the beginning of a block to a place in it.
    func piece(from start: Int, to end: Int) -> [UInt8] {
        var bytes = Array(block[..<(end - start)])
        let number = start / Self.blockBytes
        if number > 0 {
            for index in 0..<min(8, bytes.count) { bytes[index] = UInt8(number >> (8 * index) & 255) }
        }
        return bytes
    }

    private static func block(_ id: String, count given: Int?) -> [UInt8] {
        let dice = Dice(seed: 0, subject: id)
        let count = given ?? 1024 + Int(dice.roll("length", sides: 1024))
        var bytes: [UInt8] = [0, 0, 0, 24] + Array("ftypisom".utf8) + [0, 0, 2, 0] + Array("isomiso2".utf8)
        let size = count + 8
        bytes += [UInt8(size >> 24 & 255), UInt8(size >> 16 & 255), UInt8(size >> 8 & 255), UInt8(size & 255)]
        bytes += Array("mdat".utf8)
        var word = dice.number("content")
        for index in 0..<count {
            if index % 8 == 7 { word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407 }
            bytes.append(UInt8(word >> (UInt64(index % 8) * 8) & 255))
        }
        return bytes
    }
}
