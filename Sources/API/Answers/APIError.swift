import Domain
import Formats
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
    /// The methods that the path has, where the request's is none of them.
    var allowed: String?

    init(_ code: APIErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The body: what clients of the contract read, and the members of RFC 9457 beside it. The members that one code
    /// has and others do not stand in `details`, and beside it, where they were before there was one.
    var body: JSON {
        let status = code.status
        return .object(
            [
                JSON.Member("ok", false), JSON.Member("error", .string(code.rawValue)),
                JSON.Member("message", .string(message)), JSON.Member("details", .object(members)),
            ] + members + [
                JSON.Member("type", "about:blank"), JSON.Member("title", .string(status.reasonPhrase)),
                JSON.Member("status", .integer(status.code)), JSON.Member("detail", .string(message)),
            ])
    }
}
