import Foundation

/// Tells what is being done: one line that changes on a terminal, a line a step elsewhere, nothing if it is to be
/// quiet.
public struct Progress: Sendable {
    private let isQuiet: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let startedAt = Date()

    public init(isQuiet: Bool) {
        self.isQuiet = isQuiet
    }

    public func tell(_ step: String) {
        guard !isQuiet else { return }
        if isTerminal {
            FileHandle.standardError.write(Data("\r\u{1B}[K\(step) …".utf8))
        } else {
            let seconds = Int(Date().timeIntervalSince(startedAt))
            Terminal.say("daybook: \(step) (\(seconds) s)")
        }
    }

    /// Ends the changing line.
    public func finish() {
        guard !isQuiet, isTerminal else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }
}
