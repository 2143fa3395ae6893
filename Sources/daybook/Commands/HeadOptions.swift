import ArgumentParser
import Domain
import Reporting

/// What becomes of the head of a chain when a run has added to it.
struct HeadOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Give the head of the chain to this command of the shell, as a line KIND HEAD SEQUENCE INSTANT on its "
                + "standard input.", valueName: "command"))
    var headTo: String?

    func validate() throws {
        guard headTo.map({ !$0.allSatisfy(\.isWhitespace) }) ?? true else {
            throw ValidationError("--head-to names a command.")
        }
    }

    /// Prints the head, and hands it on where that was asked for.
    ///
    /// What the run did stands by now. Where the command fails that is said, and the exit code is 2.
    func handOn(_ head: ChainHead) async throws {
        switch head.kind {
        case .certificate: Terminal.show("Head of the chain: \(head.digest)")
        case .close: Terminal.show("Head of the closes: \(head.digest)")
        }
        guard let headTo else { return }
        do {
            try await HeadCommand(headTo).give(head)
        } catch let error as DaybookError {
            Terminal.say("daybook: \(error.sentence) What the run did stands.")
            throw ExitCode(FailureKind.breachExitCode)
        }
    }
}
