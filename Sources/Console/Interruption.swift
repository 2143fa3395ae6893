import Dispatch
import Foundation
import Synchronization

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
