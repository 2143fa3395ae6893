public import Domain

/// A task that the provider has: what it takes to ask for it.
public struct AcceptedTask: Sendable, Hashable {
    public let userID: String
    public let batchID: String
    public let taskID: String
    public let model: VideoModel
    public let providerTaskID: String
    /// Engine seconds since it was accepted, when this was read.
    public let ageSeconds: Int64
    /// Engine seconds left to its deadline, when this was read; negative past it.
    public let secondsLeft: Int64
}
