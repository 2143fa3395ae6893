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
