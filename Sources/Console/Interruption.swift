import Dispatch
import Foundation
import Synchronization

/// SIGINT and SIGTERM cancel the work, so that the server stops counting and no half of a file stays; a second one
/// ends at once.
final class Interruption: Sendable {
    private let count = Mutex(0)
    /// Set once in `init` and only cancelled afterwards, which Dispatch allows from any thread.
    nonisolated(unsafe) private let sources: [any DispatchSourceSignal]

    init(_ cancel: @escaping @Sendable () -> Void) {
        var sources: [any DispatchSourceSignal] = []
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            sources.append(source)
        }
        self.sources = sources
        for source in sources {
            source.setEventHandler { [self] in
                let isSecond = count.withLock { count in
                    count += 1
                    return count > 1
                }
                if isSecond { _exit(130) }
                cancel()
            }
            source.resume()
        }
    }

    var wasInterrupted: Bool { count.withLock { $0 > 0 } }

    func stop() {
        for source in sources { source.cancel() }
    }
}
