public import Postgres

/// A SQL text with its values bound to `$1`, `$2`, …: what is sent to the server.
public struct BoundQuery: Sendable {
    public let sql: String
    public let parameters: [Value]
}
