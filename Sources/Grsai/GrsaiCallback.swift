public import BatchEngine

/// What a callback claims. Anybody can send one, so it is a hint to poll, never a fact.
public struct GrsaiCallback: Sendable, Hashable {
    /// Grsai's id of the task.
    public let providerTaskID: String
    /// How the task stands, as claimed.
    public let claim: ProviderStatus

    /// Reads a callback's body: the task's object, bare or wrapped as in a poll.
    ///
    /// Nil where the body is not JSON or names no task.
    public init?(body: [UInt8]) {
        guard body.count <= GrsaiClient.answerBytes, let value = LooseValue.parse(body) else { return nil }
        var object = value
        if case .object? = value["data"], let data = value["data"] { object = data }
        let task = TaskObject(object, remark: Remark(hiding: []))
        guard let id = task.id else { return nil }
        providerTaskID = id
        claim = task.status
    }
}
