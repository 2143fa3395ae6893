public import Domain

/// What strangers and customers may take of the server at once, as far as an operator chooses it.
public struct ServerBounds: Sendable, Hashable {
    /// Connections of clients.
    public var connections: Int
    /// Seconds from the head of a request to the end of its body.
    public var bodySeconds: Int
    /// Bytes of all bodies that have not been answered.
    public var bodiesBytes: Int
    /// Bytes of all bodies of one key that have not been answered.
    public var bodiesBytesOfKey: Int
    /// Calls a minute and address without a key.
    public var keylessPerMinute: Int64

    public init(
        connections: Int = Limits.serverConnections, bodySeconds: Int = Limits.bodySeconds,
        bodiesBytes: Int = Limits.bodiesBytes, bodiesBytesOfKey: Int = Limits.bodiesBytesOfKey,
        keylessPerMinute: Int64 = Limits.keylessPerMinute
    ) {
        self.connections = connections
        self.bodySeconds = bodySeconds
        self.bodiesBytes = bodiesBytes
        self.bodiesBytesOfKey = bodiesBytesOfKey
        self.keylessPerMinute = keylessPerMinute
    }
}
