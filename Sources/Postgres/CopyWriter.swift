internal import CLibPQ

/// Takes the data of a `COPY … FROM STDIN`, in whatever pieces it comes.
///
/// Valid inside the body of ``Session/copyIn(_:_:)`` only.
public final class CopyWriter {
    private let connection: OpaquePointer
    private let canceller: Canceller
    private var buffer: [UInt8] = []
    /// True once libpq took no more, because the server stopped the COPY or is gone.
    private(set) var isRefused = false
    private var isFinished = false

    /// The bytes gathered before they go to libpq.
    private static let bufferBytes = 64 * 1024

    init(_ connection: OpaquePointer, _ canceller: Canceller) {
        self.connection = connection
        self.canceller = canceller
        buffer.reserveCapacity(Self.bufferBytes + 4096)
    }

    /// Appends bytes, in the format that the COPY statement names.
    ///
    /// Throws ``PostgresError``; let it pass on, the server's reason follows.
    public func write(_ bytes: some Sequence<UInt8>) throws {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    /// Appends text in UTF-8.
    public func write(_ text: String) throws {
        try write(text.utf8)
    }

    /// Sends what is left and ends the COPY.
    func finish() throws {
        try flush()
        isFinished = true
        guard PQputCopyEnd(connection, nil) == 1 else { throw refused() }
    }

    /// Makes the server fail the COPY, unless it has ended.
    func abort() {
        guard !isFinished else { return }
        isFinished = true
        _ = PQputCopyEnd(connection, "the client gave up")
    }

    private func flush() throws {
        precondition(!isFinished, "a copy writer is used after its COPY")
        guard !canceller.isAsked else { throw PostgresError(.cancelled, "COPY was cancelled.") }
        guard !buffer.isEmpty else { return }
        let sent = buffer.withUnsafeBytes { bytes in
            PQputCopyData(
                connection,
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                Int32(bytes.count)
            )
        }
        buffer.removeAll(keepingCapacity: true)
        guard sent == 1 else { throw refused() }
    }

    private func refused() -> PostgresError {
        isRefused = true
        return PostgresError(.connectionLost, "The server takes no more data.")
    }
}
