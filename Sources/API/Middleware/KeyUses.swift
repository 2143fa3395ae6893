import BatchEngine
import Domain
import Logging
import Postgres
import Synchronization

/// Who used which key for what: counted in memory, and written about once a minute, so that no request waits for it.
final class KeyUses: Sendable {
    private let pool: ConnectionPool
    private let logger: Logger
    private let book = Mutex(KeyUseBook())

    init(_ pool: ConnectionPool, _ logger: Logger) {
        self.pool = pool
        self.logger = logger
    }

    func note(
        _ caller: Caller, _ endpoint: String, _ status: Int, isAdmitted: Bool, from address: String?, at beganAt: Int64
    ) {
        book.withLock {
            $0.note(caller, endpoint, isError: status >= 400, isAdmitted: isAdmitted, from: address, at: beganAt)
        }
    }

    /// Writes now and then, until it is cancelled.
    func run() async {
        while (try? await Task.sleep(for: .seconds(Limits.keyUseSeconds))) != nil { await write() }
    }

    /// Writes what there is. What cannot be written is kept for the next time.
    func write() async {
        let taken = book.withLock { book in
            defer { book = KeyUseBook() }
            return book
        }
        guard !taken.isEmpty else { return }
        do {
            try await pool.transaction { try taken.write(at: Traffic.now, $0) }
        } catch {
            book.withLock { $0.add(taken) }
            let code = (error as? PostgresError).map { "\($0.code)" } ?? "\(type(of: error))"
            logger.warning("The use of keys was not written; it will be", metadata: ["error.code": "\(code)"])
        }
    }
}
