import HTTPTypes

extension HTTPField.Name {
    static let apiKey = known("x-api-key")
    static let idempotencyKey = known("idempotency-key")
    static let requestID = known("x-request-id")
    static let rateLimit = known("ratelimit")
    static let rateLimitPolicy = known("ratelimit-policy")

    private static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is a valid name of a header") }
        return name
    }
}
