import Codecs
public import Domain

/// What callers may do who show no key, or one that nobody has shown yet: a pure value, which is told the time.
///
/// The rules are about addresses, and many clients may stand behind one. So a key that was let in lately is never
/// subject to them; one that was not waits a little where others have guessed, and is let in; only calls without any
/// key are refused.
public struct Strangers: Sendable {
    private struct Guesses {
        /// Wrong keys, in thousandths, as of the instant.
        var thousandths: Int64
        var at: Int64
    }

    private struct Calls {
        /// The instant up to which the address has used its calls, in milliseconds: a bucket of one minute.
        var spentUntil: Int64
    }

    private let keylessPerMinute: Int64
    private var known: Recent<[UInt8], Bool>
    private var guesses: Recent<String, Guesses>
    private var calls: Recent<String, Calls>

    public init(keylessPerMinute: Int64 = Limits.keylessPerMinute, capacity: Int = Limits.rememberedCallers) {
        self.keylessPerMinute = keylessPerMinute
        known = Recent(capacity: capacity)
        guesses = Recent(capacity: capacity)
        calls = Recent(capacity: capacity)
    }

    /// Milliseconds that a key waits before it is looked up. The time is in milliseconds of any clock that only rises.
    public mutating func pause(before key: String, at address: String, now: Int64) -> Int64 {
        guard known.find(Self.mark(key)) == nil else { return 0 }
        let wrong = (thousandths(at: address, now: now) + 999) / 1000
        guard wrong > Limits.freeWrongKeys else { return 0 }
        let doublings = min(wrong - Limits.freeWrongKeys - 1, 20)
        return min(Limits.wrongKeyMilliseconds << doublings, Limits.wrongKeyMostMilliseconds)
    }

    /// A key was let in.
    public mutating func showedKnownKey(_ key: String) {
        known.note(Self.mark(key), true)
    }

    /// A key was looked up, and is nobody's.
    public mutating func showedWrongKey(_ key: String, at address: String, now: Int64) {
        known.forget(Self.mark(key))
        guesses.note(address, Guesses(thousandths: thousandths(at: address, now: now) + 1000, at: now))
    }

    /// Counts a call without a key; gives the milliseconds after which the next is possible where it is one too many.
    public mutating func countKeylessCall(at address: String, now: Int64) -> Int64? {
        let minute: Int64 = 60_000
        let cost = minute / keylessPerMinute
        let spentUntil = max(calls.find(address)?.spentUntil ?? 0, now)
        guard spentUntil + cost <= now + minute else { return spentUntil + cost - now - minute }
        calls.note(address, Calls(spentUntil: spentUntil + cost))
        return nil
    }

    private mutating func thousandths(at address: String, now: Int64) -> Int64 {
        guard let found = guesses.find(address) else { return 0 }
        let halvings = (now - found.at) / (Limits.wrongKeyHalfLifeSeconds * 1000)
        return halvings >= 40 ? 0 : found.thousandths >> max(halvings, 0)
    }

    /// Keys are remembered as digests, as everywhere.
    private static func mark(_ key: String) -> [UInt8] { SHA256Digest.bytes(Array(key.utf8)) }
}
