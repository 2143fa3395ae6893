public import ArgumentParser
import Dispatch
public import Domain
import Foundation
import Synchronization

/// A command that takes care of SIGINT and SIGTERM itself, because it has something to bring to an end.
public protocol EndsGracefully {}

/// Runs a command line: parses, runs, and turns every failure into one sentence and an exit code.
public enum Program {
    /// What the shell keeps from others. From the first use on, nobody else may read what is made without saying who
    /// may.
    public static let inheritedMask: UInt32 = umask(0o077)

    /// Runs the command that the arguments name, and ends the program if it fails.
    ///
    /// `translate` gives the failures that only this program knows.
    public static func run<Root: AsyncParsableCommand>(
        _ root: Root.Type, translate: @Sendable (any Error) -> DaybookError? = { _ in nil }
    ) async {
        // A limit on the size of files, and a reader that went away, are errors to report, not reasons to die.
        signal(SIGXFSZ, SIG_IGN)
        _ = inheritedMask
        signal(SIGPIPE, SIG_IGN)
        let name = root.configuration.commandName ?? "daybook"
        var interruption: Interruption?
        do {
            let command = try root.parseAsRoot()
            let endsGracefully = command is any EndsGracefully
            // Help, which is no command of ours, is given in any case.
            if command is any AsyncParsableCommand { try Setting.requireKnown() }
            let work = Task { try await perform(root) }
            if !endsGracefully { interruption = Interruption(name) { work.cancel() } }
            try await work.value
            interruption?.stop()
        } catch {
            interruption?.stop()
            // A command that stopped in good order has said so itself.
            if error is ExitCode { root.exit(withError: error) }
            if let standing = Failure.standing(of: error) { Failure.exitInterrupted(standing, name) }
            // A run that was stopped by a failure says so, whatever else was asked of it meanwhile.
            if interruption?.wasInterrupted == true, !(error is StoppedRun) { Failure.exitInterrupted(nil, name) }
            guard let failure = Failure.failure(of: error) ?? translate(error) else { root.exit(withError: error) }
            Failure.exit(failure, error, name)
        }
    }

    /// A command cannot be handed to a task, so each task reads its own.
    private static func perform<Root: AsyncParsableCommand>(_ root: Root.Type) async throws {
        var command = try root.parseAsRoot()
        if var command = command as? any AsyncParsableCommand {
            try await command.run()
        } else {
            try command.run()
        }
    }
}

/// The version of both programs.
public enum Version {
    public static let current = "0.2.0-dev"
}

/// SIGINT and SIGTERM cancel the work, so that the server stops counting and no half of a file stays; a second one
/// ends at once.
///
/// A second one in the same breath is the first again: `timeout` signals its child, and then the child's group.
final class Interruption: Sendable {
    private static let breath: Duration = .milliseconds(500)

    private let first = Mutex<ContinuousClock.Instant?>(nil)
    /// Set once in `init` and only cancelled afterwards, which Dispatch allows from any thread.
    nonisolated(unsafe) private let sources: [any DispatchSourceSignal]

    init(_ program: String, _ cancel: @escaping @Sendable () -> Void) {
        var sources: [any DispatchSourceSignal] = []
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            sources.append(source)
        }
        self.sources = sources
        for source in sources {
            source.setEventHandler { [self] in
                let since = first.withLock { first in
                    defer { first = first ?? .now }
                    return first?.duration(to: .now)
                }
                if let since, since > Self.breath {
                    Terminal.say("\(program): ended at once. " + LastWords.standing)
                    _exit(130)
                }
                cancel()
            }
            source.resume()
        }
    }

    var wasInterrupted: Bool { first.withLock { $0 != nil } }

    func stop() {
        for source in sources { source.cancel() }
    }
}

/// What a program says that is ended at once, in the middle of its work, by a second signal.
public enum LastWords {
    private static let source = Mutex<(@Sendable () -> String)?>(nil)

    /// Lets a command say what stands of its work. The closure is called from any thread, at any instant.
    public static func set(_ standing: @escaping @Sendable () -> String) {
        source.withLock { $0 = standing }
    }

    static var standing: String {
        source.withLock { $0 }?() ?? "What was committed before that stands; what was under way is undone."
    }
}
