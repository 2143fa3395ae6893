/// How a task stands at the provider.
public enum ProviderStatus: Sendable, Hashable {
    /// Being rendered, 0 to 100 percent done; a status word that nobody knows counts as this.
    case running(progress: Int64)
    case succeeded(videoURL: String, pid: String?)
    case failed(Failure)
    /// The provider knows no such task, which it also says in the first seconds of one.
    case notFound
    /// No answer, or one that cannot be read; ask again later.
    case unreadable(remark: String)

    /// Why a video was not rendered.
    public struct Failure: Sendable, Hashable {
        /// `input_moderation`, `output_moderation` or `error`, as the provider says it.
        public let reason: String
        public let message: String

        public init(reason: String, message: String) {
            self.reason = reason
            self.message = message
        }
    }
}
