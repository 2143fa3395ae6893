/// What became of one attempt to hand a task over.
public enum SubmissionAnswer: Sendable, Hashable {
    /// The provider took it, under an id of its own.
    case accepted(providerTaskID: String)
    /// It is proved that the provider did not take it: no byte was written, HTTP 4xx, or a documented refusal.
    case refused(Refusal)
    /// Nobody knows: the line broke after a byte was written, HTTP 5xx, or an answer that cannot be read.
    case unknown(remark: String)

    /// Why a task was not taken.
    public struct Refusal: Sendable, Hashable {
        /// What to do about a refusal.
        public enum Kind: Sendable, Hashable {
            /// Try this task again later: not reachable, or too many requests.
            case temporary
            /// This task will never be taken as it is: its parameters or its content are refused.
            case task
            /// No task will be taken until a person has acted: a wrong key, or no credit at the provider.
            case account
        }

        public let kind: Kind
        /// One sentence without keys, prompts or addresses with credentials.
        public let remark: String
        /// Seconds to wait, where the provider named them.
        public let retryAfterSeconds: Int64?

        public init(kind: Kind, remark: String, retryAfterSeconds: Int64? = nil) {
            self.kind = kind
            self.remark = remark
            self.retryAfterSeconds = retryAfterSeconds
        }
    }
}
