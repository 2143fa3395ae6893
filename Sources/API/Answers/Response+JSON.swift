import Domain
import Formats
import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    /// An answer in JSON.
    init(_ body: JSON, status: HTTPResponse.Status = .ok, contentType: String = "application/json") {
        self.init(
            status: status, headers: [.contentType: contentType, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body.bytes())))
    }

    /// An error, as problem+json only for those who ask for it: old clients look for JSON.
    init(_ error: APIError, to request: Request) {
        let wantsProblem = request.headers[values: .accept].contains { $0.contains("application/problem+json") }
        self.init(
            error.body, status: error.code.status,
            contentType: wantsProblem ? "application/problem+json" : "application/json")
        if let seconds = error.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        if let allowed = error.allowed { headers[.allow] = allowed }
        if error.closesConnection { headers[.connection] = "close" }
        if error.code == .missingAPIKey { headers[.wwwAuthenticate] = "Bearer" }
    }
}
