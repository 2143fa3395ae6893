/// Idempotency keys of a period's batches.
public struct IdempotencyFigure: Hashable, Sendable {
    public let keysSeen: Int64
    /// Keys that the request log holds more than once; nil where no log is kept, or one that takes a request once.
    public let keysReplayed: Int64?
    /// Keys with more than one batch.
    public let duplicated: Int64
    /// Batches that were frozen for more than once.
    public let overFrozen: Int64

    public init(keysSeen: Int64, keysReplayed: Int64?, duplicated: Int64, overFrozen: Int64) {
        self.keysSeen = keysSeen
        self.keysReplayed = keysReplayed
        self.duplicated = duplicated
        self.overFrozen = overFrozen
    }

    public var violations: Int64 { duplicated + overFrozen }

    public var attainment: Attainment {
        Attainment(good: max(keysSeen - violations, 0), valid: keysSeen)
    }

    /// A violation is a breach even where no key was seen.
    public var verdict: Verdict {
        if violations > 0 { return .breach }
        return keysSeen > 0 ? .pass : .notApplicable
    }
}
