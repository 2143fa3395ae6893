import Domain
import HTTPTypes

/// A request that is answered with an error.
struct APIError: Error, Sendable {
    let code: APIErrorCode
    /// One sentence for the people who wrote the client.
    let message: String
    /// Members beyond those that every error has.
    var members: [JSON.Member] = []
    /// Seconds after which trying again makes sense.
    var retryAfterSeconds: Int64?
    /// True where nothing more can be read on the connection.
    var closesConnection = false

    init(_ code: APIErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The body: what clients of the old contract read, and the members of RFC 9457 beside it.
    var body: JSON {
        let status = code.status
        return .object(
            [
                JSON.Member("ok", false), JSON.Member("error", .string(code.rawValue)),
                JSON.Member("message", .string(message)),
            ] + members + [
                JSON.Member("type", "about:blank"), JSON.Member("title", .string(status.reasonPhrase)),
                JSON.Member("status", .integer(status.code)), JSON.Member("detail", .string(message)),
            ])
    }
}
