internal import CLibPQ

/// The owner of libpq's copy of what a cancellation needs.
///
/// `@unchecked Sendable`: a `PGcancel` is never changed after `PQgetCancel`,
/// and libpq documents `PQcancel` as safe on any thread and in signal handlers.
struct CancelRequest: ~Copyable, @unchecked Sendable {
    private let pointer: OpaquePointer

    /// Nil where the connection is not open or memory is short.
    init?(_ connection: OpaquePointer) {
        guard let pointer = PQgetCancel(connection) else { return nil }
        self.pointer = pointer
    }

    deinit {
        PQfreeCancel(pointer)
    }

    /// Connects to the server, asks it to cancel what the connection runs and
    /// waits until it has been told.
    ///
    /// Blocks.
    func send() {
        var failure = [CChar](repeating: 0, count: 256)
        // A failure leaves the statement running, and it is asked again; see ``Canceller``.
        _ = PQcancel(pointer, &failure, Int32(failure.count))
    }
}
