private import CLinux
import Foundation

/// The heaps of the C library.
package enum MemoryArenas {
    /// Lets the threads of this program share a heap for each processor. The library makes eight for each where threads
    /// come and go, and every one of them keeps what it had at its peak.
    package static func limitToProcessors() {
        _ = daybook_limit_arenas(CInt(clamping: ProcessInfo.processInfo.activeProcessorCount))
    }
}
