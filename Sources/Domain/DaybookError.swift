/// A failure that a user can act on: what kind it is, one sentence that says what was met, and what to do.
///
/// The sentence never holds a password, a key or a prompt. Where a command or an option helps, ``advice`` says so and
/// the program that prints the error ends the sentence. The full text for the log is in ``debugDescription``.
public struct DaybookError: Error, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The kind of failure, which decides the exit code.
    public let kind: FailureKind
    /// One sentence for the person at the terminal: whole, or up to where the advice goes on.
    public let sentence: String
    /// What helps, where a command or an option does.
    public let advice: Advice?
    /// Everything that is known, for a log.
    public let debugText: String

    public init(_ kind: FailureKind, _ sentence: String, _ advice: Advice? = nil, debugText: String = "") {
        self.kind = kind
        self.sentence = sentence
        self.advice = advice
        self.debugText = debugText
    }

    /// The same with more after it, whether its sentence is whole or not.
    public func followed(by text: String, debugText: String) -> DaybookError {
        DaybookError(
            kind, advice == nil ? sentence + text : sentence, advice?.then(text), debugText: debugText)
    }

    public var description: String { sentence }
    public var debugDescription: String { debugText.isEmpty ? sentence : sentence + "\n" + debugText }

    /// Wrong data in a file or in the database.
    public static func badData(_ sentence: String, _ advice: Advice? = nil) -> DaybookError {
        DaybookError(.badData, sentence, advice)
    }
    /// A wrong option or argument.
    public static func usage(_ sentence: String, _ advice: Advice? = nil) -> DaybookError {
        DaybookError(.usage, sentence, advice)
    }
    /// A setting, a right or an installed file that is not as it should be.
    public static func configuration(_ sentence: String, _ advice: Advice? = nil) -> DaybookError {
        DaybookError(.configuration, sentence, advice)
    }
    /// An output that cannot be written.
    public static func output(_ sentence: String, _ advice: Advice? = nil) -> DaybookError {
        DaybookError(.output, sentence, advice)
    }
}

/// The kinds of failure, with the exit codes that scripts rely on (BSD `sysexits.h` from 64 on).
public enum FailureKind: Int32, Sendable, CaseIterable {
    /// Something failed that has no code of its own.
    case failed = 1
    /// A wrong option or argument.
    case usage = 64
    /// Wrong data in a file or in the database.
    case badData = 65
    /// The database cannot be reached, or went away.
    case databaseUnavailable = 69
    /// An output cannot be written.
    case output = 73
    /// Try again: another run holds a lock, or a timeout struck.
    case tryAgain = 75
    /// A setting, a right or an installed file is not as it should be.
    case configuration = 78

    /// The exit code of a run that was done and found a promise breached (`--strict`).
    public static let breachExitCode: Int32 = 2
}

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
    /// How to go on, where the standing does not say it.
    public let advice: Advice?

    public init(_ cause: Cause, standing: String, _ advice: Advice? = nil) {
        self.cause = cause
        self.standing = standing
        self.advice = advice
    }

    public init(_ cause: Cause, _ standing: Remark) {
        self.init(cause, standing: standing.sentence, standing.advice)
    }
}
