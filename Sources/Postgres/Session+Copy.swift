internal import CLibPQ

extension Session {
    /// Runs `COPY … FROM STDIN` with the data that `produce` writes.
    ///
    /// If `produce` throws, the server is told to fail the COPY, so that no
    /// row of it stays, and the error is rethrown.
    ///
    /// - Returns: How many rows the server took.
    @discardableResult
    public func copyIn(_ sql: String, _ produce: (CopyWriter) throws -> Void) throws -> Int {
        try lookingUp { try takeIn(sql, produce) }
    }

    private func takeIn(_ sql: String, _ produce: (CopyWriter) throws -> Void) throws -> Int {
        let connection = try startCopy(sql, PGRES_COPY_IN)
        isStreaming = true
        defer { isStreaming = false }
        let writer = CopyWriter(connection, canceller)
        do {
            try produce(writer)
            try writer.finish()
        } catch {
            writer.abort()
            let refusal = drain(connection, sql)
            // When the server stopped the COPY, or is gone, its reason is the cause.
            throw writer.isRefused ? refusal ?? failureOfConnection(sql) : error
        }
        return try finishCopy(connection, sql)
    }

    /// Runs `COPY … TO STDOUT` and hands over its data, row by row in the text
    /// formats; the bytes are valid inside the body only.
    ///
    /// If the body throws, the COPY is cancelled and the error rethrown.
    ///
    /// - Returns: How many rows the server sent.
    @discardableResult
    public func copyOut(_ sql: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Int {
        try lookingUp { try giveOut(sql, body) }
    }

    private func giveOut(_ sql: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Int {
        let connection = try startCopy(sql, PGRES_COPY_OUT)
        isStreaming = true
        defer { isStreaming = false }
        do {
            while try deliverCopyData(connection, body) {}
        } catch {
            abandon(connection)
            throw error
        }
        return try finishCopy(connection, sql)
    }

    /// Starts a COPY in the direction expected, and refuses everything else.
    private func startCopy(_ sql: String, _ expected: ExecStatusType) throws -> OpaquePointer {
        let connection = try ready()
        guard PQsendQuery(connection, sql) == 1, let result = ResultHandle(PQgetResult(connection)) else {
            throw drain(connection, sql) ?? failureOfConnection(sql)
        }
        if result.status == expected { return connection }
        if result.isCopying { refuseCopy(result, connection, sql) } else { drain(connection, sql) }
        if result.isCopying || result.isSuccess {
            throw PostgresError(.invalidUse, "The statement is not the COPY that this call is for.")
        }
        throw failure(result.pointer, sql)
    }

    private func deliverCopyData(
        _ connection: OpaquePointer,
        _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Bool {
        var buffer: UnsafeMutablePointer<CChar>?
        let length = PQgetCopyData(connection, &buffer, 0)
        defer { PQfreemem(buffer) }
        // Below 0 the data has ended, well or not; the result that follows tells.
        guard length > 0 else { return false }
        guard !canceller.isAsked else { throw PostgresError(.cancelled, "COPY was cancelled.") }
        try body(UnsafeRawBufferPointer(start: buffer, count: Int(length)))
        return true
    }

    private func finishCopy(_ connection: OpaquePointer, _ sql: String) throws -> Int {
        var rows = 0
        while let result = ResultHandle(PQgetResult(connection)) {
            guard result.isSuccess else {
                drain(connection, sql)
                throw failure(result.pointer, sql)
            }
            rows = result.affectedRows
        }
        if isLost { throw failureOfConnection(sql) }
        return rows
    }
}

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
