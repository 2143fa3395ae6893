public import Domain
import Foundation

/// Gives the head of a chain to a command of the operator's, who keeps it where no role of the database can write.
public struct HeadCommand: Sendable {
    private let command: String
    private let timeoutSeconds: Int

    /// - Parameter command: What the shell is to run. Nothing is put into it: the head is on its standard input.
    public init(_ command: String, timeoutSeconds: Int = Limits.headCommandSeconds) {
        self.command = command
        self.timeoutSeconds = timeoutSeconds
    }

    /// Runs `/bin/sh -c COMMAND` with the line of a head on its standard input; what it prints goes to standard error.
    /// Nobody's thread waits for it.
    ///
    /// Throws `failed` where it does not end with 0, or not in time: then it is killed, with its group of processes.
    public func give(_ head: ChainHead) async throws {
        let program = ChildProgram(["/bin/sh", "-c", command], keepsOutput: false, timeoutSeconds: timeoutSeconds)
        let end: ChildProgram.End
        do {
            end = try await program.run(input: Array((head.line + "\n").utf8))
        } catch let error as DaybookError {
            throw failure(error.sentence)
        }
        guard !end.wasKilledByUs else { throw failure("the command did not end within \(timeoutSeconds) s.") }
        guard let code = end.exitCode else { throw failure("the command was ended by signal \(end.signal).") }
        guard code == 0 else { throw failure("the command ended with \(code).") }
    }

    private func failure(_ why: String) -> DaybookError { DaybookError(.failed, "The head was not handed on: \(why)") }
}
