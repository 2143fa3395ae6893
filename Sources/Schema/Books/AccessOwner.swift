/// Whose an access is, in one place: the report on accesses counts by it, plans, holds and purges go by it, and what is
/// left of purged rows is counted by it.
///
/// The row says it where the engine recorded the access, also after the video's task is gone or has another owner; else
/// it is the owner of the video, which is found by its task. Never the viewer. Nobody's where neither is known.
public struct AccessOwner: Sendable {
    /// The owner of a row, a uuid or null, with its video's task as `t`.
    public let owner: String
    /// When a task `t` is that of a row's video, whoever owns it.
    public let task: String

    /// - Parameters:
    ///   - ownerID: The row's `owner_id` in SQL, null of its type where the database has no such column of ours.
    ///   - videoID: The row's `video_id` in SQL.
    public init(ownerID: String, videoID: String) {
        owner = "coalesce(\(ownerID), t.user_id)"
        task = "t.id = \(videoID)"
    }
}
