import BatchEngine
import Synchronization

/// The rules for strangers, shared by all requests.
final class Doorkeeper: Sendable {
    private let strangers: Mutex<Strangers>

    init(_ bounds: ServerBounds) {
        strangers = Mutex(Strangers(keylessPerMinute: bounds.keylessPerMinute))
    }

    /// Waits where a key that nobody has shown yet comes from an address that has guessed.
    func pause(before key: String, at address: String) async throws {
        let milliseconds = strangers.withLock { $0.pause(before: key, at: address, now: Traffic.now) }
        if milliseconds > 0 { try await Task.sleep(for: .milliseconds(milliseconds)) }
    }

    func showedKnownKey(_ key: String) {
        strangers.withLock { $0.showedKnownKey(key) }
    }

    func showedWrongKey(_ key: String, at address: String) {
        strangers.withLock { $0.showedWrongKey(key, at: address, now: Traffic.now) }
    }

    /// Counts a call without a key. Throws ``APIError`` where it is one too many.
    func countKeylessCall(at address: String) throws {
        guard let wait = strangers.withLock({ $0.countKeylessCall(at: address, now: Traffic.now) }) else { return }
        var error = APIError(
            .rateLimitExceeded, "Too many calls without an API key came from your address; send it in x-api-key.")
        error.retryAfterSeconds = min((wait + 999) / 1000 + 1, 60)
        throw error
    }
}
