/// Work in steps that ended before its end: why, and what stands of it.
///
/// Whoever stops something, or sees it fail, is told what has been done by then, so no step that is committed is ever
/// called nothing.
public struct StoppedRun: Error, Sendable {
    /// Why it ended.
    public enum Cause: Sendable {
        /// Somebody asked for it.
        case interruption
        case failure(any Error)
    }

    public let cause: Cause
    /// What is done, whether that is certified, and how to go on, in whole sentences.
    public let standing: String

    public init(_ cause: Cause, standing: String) {
        self.cause = cause
        self.standing = standing
    }
}
