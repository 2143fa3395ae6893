import Foundation

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
