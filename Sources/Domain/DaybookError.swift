/// A failure that a user can act on: what kind it is, and one sentence that says what to do.
///
/// The sentence never holds a password, a key or a prompt. The full text for
/// the log is in ``debugDescription``.
public struct DaybookError: Error, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The kind of failure, which decides the exit code.
    public let kind: FailureKind
    /// One sentence for the person at the terminal.
    public let sentence: String
    /// Everything that is known, for a log.
    public let debugText: String

    public init(_ kind: FailureKind, _ sentence: String, debugText: String = "") {
        self.kind = kind
        self.sentence = sentence
        self.debugText = debugText
    }

    public var description: String { sentence }
    public var debugDescription: String { debugText.isEmpty ? sentence : sentence + "\n" + debugText }

    /// Wrong data in a file or in the database.
    public static func badData(_ sentence: String) -> DaybookError { DaybookError(.badData, sentence) }
    /// A wrong option or argument.
    public static func usage(_ sentence: String) -> DaybookError { DaybookError(.usage, sentence) }
    /// A setting, a right or an installed file that is not as it should be.
    public static func configuration(_ sentence: String) -> DaybookError { DaybookError(.configuration, sentence) }
    /// An output that cannot be written.
    public static func output(_ sentence: String) -> DaybookError { DaybookError(.output, sentence) }
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

    public init(_ cause: Cause, standing: String) {
        self.cause = cause
        self.standing = standing
    }
}
