public import Domain

/// Who renders the videos.
///
/// Neither call throws: what cannot be told apart from an accepted task is an answer of its own.
public protocol Provider: Sendable {
    /// Hands one task over, once: an implementation never sends it again by itself, because the provider offers no
    /// idempotency key.
    func submit(_ request: ProviderRequest) async -> SubmissionAnswer

    /// Asks how a task stands. Asking again is harmless.
    func status(of providerTaskID: String) async -> ProviderStatus
}

/// What a provider is asked to render.
public struct ProviderRequest: Sendable, Hashable {
    public let model: VideoModel
    public let prompt: String
    /// An image to start from.
    public let referenceURL: String?
    /// `16:9` or `9:16`.
    public let aspectRatio: String
    /// Seconds of video asked for by the customer: 5, 10 or 15.
    public let durationSeconds: Int64
    /// `small` or `large`.
    public let size: String
    /// Where the provider reports progress; it ends with the submission's nonce. Nil gives no address.
    public let callbackURL: String?

    public init(
        model: VideoModel, prompt: String, referenceURL: String?, aspectRatio: String, durationSeconds: Int64,
        size: String, callbackURL: String?
    ) {
        self.model = model
        self.prompt = prompt
        self.referenceURL = referenceURL
        self.aspectRatio = aspectRatio
        self.durationSeconds = durationSeconds
        self.size = size
        self.callbackURL = callbackURL
    }
}

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

/// What answers to submissions of one model say of the provider itself.
struct AnswerTally: Equatable {
    /// By these it lives: it took a task, or read one and refused it.
    var taken: Int64 = 0
    /// By these it took nothing, as far as anybody knows.
    var failed: Int64 = 0
    /// The longest pause that it asked for.
    var pauseSeconds: Int64?
    /// True where nothing will be taken until a person has acted.
    var concernsAccount = false

    init(_ answers: [SubmissionAnswer]) {
        for answer in answers {
            switch answer {
            case .accepted: taken += 1
            case .unknown: failed += 1
            case .refused(let refusal):
                if refusal.kind == .task { taken += 1 } else { failed += 1 }
                if refusal.kind == .account { concernsAccount = true }
                if refusal.kind != .task, let seconds = refusal.retryAfterSeconds {
                    pauseSeconds = max(pauseSeconds ?? 0, seconds)
                }
            }
        }
    }
}

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
        /// The provider's words for it, which the books keep.
        public enum Reason: String, Sendable, Hashable, CaseIterable {
            case inputModeration = "input_moderation"
            case outputModeration = "output_moderation"
            case error
        }

        public let reason: Reason
        public let message: String

        public init(reason: Reason, message: String) {
            self.reason = reason
            self.message = message
        }
    }
}
