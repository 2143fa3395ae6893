/// A store of videos, as far as a retention needs it: it takes videos out.
public protocol VideoRemoval: Sendable {
    /// Removes the video of a task, and what else there is of that task. True where the video was there, false where it
    /// was gone before.
    ///
    /// When it returns, whichever it says, it has looked: nothing of the task is in the store, and a failure of power
    /// brings nothing back. It may be called again. Throws `DaybookError`, whose sentence says what to do, where that
    /// cannot be said: the store is not there, or lets nothing go.
    func remove(_ taskID: String, digest: [UInt8]) async throws -> Bool

    /// Ends its connections. Nothing is called afterwards.
    func disconnect() async
}

extension VideoRemoval {
    public func disconnect() async {}
}

extension Limits {
    /// Videos that a purge removes between two looks at the holds: whoever places one waits for as many.
    public static let purgeVideosAtOnce: Int64 = 20
}
