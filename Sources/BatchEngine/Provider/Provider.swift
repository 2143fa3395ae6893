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
