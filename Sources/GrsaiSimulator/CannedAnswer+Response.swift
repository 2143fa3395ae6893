import HTTPTypes
import Hummingbird
import NIOCore

extension CannedAnswer {
    /// The answer as the server writes it.
    var response: Response {
        var headers: HTTPFields = [.contentType: contentType]
        if let retryAfterSeconds { headers[.retryAfter] = String(retryAfterSeconds) }
        return Response(
            status: .init(code: status), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
