import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// An HTTP answer, decided and ready to be written.
struct CannedAnswer: Sendable, Hashable {
    let status: Int
    let contentType: String
    let body: [UInt8]
    var retryAfterSeconds: Int64?

    static func json(_ value: some Encodable, status: Int = 200) throws -> CannedAnswer {
        CannedAnswer(status: status, contentType: "application/json", body: try bytes(value))
    }

    static func text(_ text: String, status: Int) -> CannedAnswer {
        CannedAnswer(status: status, contentType: "text/html", body: Array(text.utf8))
    }

    /// An answer without data: a refusal, or a fault.
    static func message(
        _ code: Int64, _ msg: String, status: Int = 200, retryAfterSeconds: Int64? = nil
    ) throws -> CannedAnswer {
        var answer = try json(WireAnswer<String>(code: code, msg: msg, data: nil), status: status)
        answer.retryAfterSeconds = retryAfterSeconds
        return answer
    }

    /// JSON with its members in one order, so that equal runs give equal bytes.
    static func bytes(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
}

extension CannedAnswer {
    /// The answer as the server writes it.
    var response: Response {
        var headers: HTTPFields = [.contentType: contentType]
        if let retryAfterSeconds { headers[.retryAfter] = String(retryAfterSeconds) }
        return Response(
            status: .init(code: status), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

/// The wrapping of the provider's answers.
struct WireAnswer<Content: Encodable & Sendable>: Encodable, Sendable {
    let code: Int64
    let msg: String
    let data: Content?

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(code, forKey: .code)
        try container.encode(msg, forKey: .msg)
        // Absent data is written as null, not left out.
        try container.encode(data, forKey: .data)
    }

    enum CodingKeys: CodingKey { case code, msg, data }
}

/// The provider's object of a task, as JSON.
struct WireTask: Encodable, Sendable, Hashable {
    let id: String
    let progress: Int64
    let status: String
    let failureReason: String
    let error: String
    /// Sora's list of one video.
    let results: [Result]?
    /// Veo's address.
    let url: String?

    struct Result: Encodable, Sendable, Hashable {
        let url: String
        let removeWatermark: Bool
        let pid: String
    }

    init(
        id: String, isSora: Bool, progress: Int64, status: String, url: String? = nil, failureReason: String = "",
        error: String = ""
    ) {
        self.id = id
        self.progress = progress
        self.status = status
        self.failureReason = failureReason
        self.error = error
        let pid = "s_" + id.filter { $0 != "-" }
        results = isSora ? url.map { [Result(url: $0, removeWatermark: false, pid: pid)] } ?? [] : nil
        self.url = isSora ? nil : url ?? ""
    }

    enum CodingKeys: String, CodingKey {
        case id, progress, status, error, results, url
        case failureReason = "failure_reason"
    }
}
