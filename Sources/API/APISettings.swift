public import BatchEngine

/// How the API is served.
public struct APISettings: Sendable {
    /// The address to listen on.
    public var host: String
    /// The port; 0 takes a free one.
    public var port: Int
    /// What requests may ask for.
    public var rules: RequestRules
    /// What callers may take of the server at once.
    public var bounds: ServerBounds

    public init(
        host: String = "127.0.0.1", port: Int = 8080, rules: RequestRules = RequestRules(),
        bounds: ServerBounds = ServerBounds()
    ) {
        self.host = host
        self.port = port
        self.rules = rules
        self.bounds = bounds
    }
}
