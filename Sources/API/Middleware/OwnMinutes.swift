import BatchEngine
import Foundation
import Logging
import Postgres
import Synchronization

/// The minutes of this server: counted in memory, and written once they are over, so that no request waits for it. Of a
/// server that is killed the last minute is lost.
final class OwnMinutes: Sendable {
    /// Milliseconds after its end at which a minute is written.
    private static let lagMilliseconds: Int64 = 1_000

    private struct State {
        var minutes = ServedMinutes()
        /// What the server's own clock, which only rises, is to be moved by to be the database's.
        var offset: Int64
    }

    private let pool: ConnectionPool
    private let logger: Logger
    private let server = UUID().uuidString
    private let state: Mutex<State>

    init(_ pool: ConnectionPool, _ logger: Logger) {
        self.pool = pool
        self.logger = logger
        state = Mutex(State(offset: Int64(Date().timeIntervalSince1970 * 1_000) - Traffic.now))
    }

    /// Counts an answer, in the minute of its end.
    func note(isServerError: Bool, took duration: Duration) {
        state.withLock { state in
            state.minutes.note(
                minute: (Traffic.now + state.offset) / 60_000, isServerError: isServerError, took: duration)
        }
    }

    /// Writes after each minute, until it is cancelled.
    func run() async {
        await setClock()
        while true {
            let now = state.withLock { Traffic.now + $0.offset }
            let left = 60_000 - now % 60_000 + Self.lagMilliseconds
            guard (try? await Task.sleep(for: .milliseconds(left))) != nil else { return }
            await write()
        }
    }

    /// Minutes are the database's, as those of everything else are.
    private func setClock() async {
        guard let now = try? await pool.run({ try Self.now($0) }) else { return }
        state.withLock { $0.offset = now - Traffic.now }
    }

    private static func now(_ session: Session) throws -> Int64 {
        try session.query("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now")[0].int("now")
    }

    /// Writes the minutes that are over, at the end also the one that is not. What cannot be written is kept for the
    /// next time.
    func write(isEnd: Bool = false) async {
        let taken = state.withLock { state in
            state.minutes.take(before: isEnd ? .max : (Traffic.now + state.offset) / 60_000)
        }
        guard !taken.isEmpty else { return }
        do {
            let now = try await pool.transaction { [server] session in
                try taken.write(server: server, session)
                return try Self.now(session)
            }
            state.withLock { $0.offset = now - Traffic.now }
        } catch {
            let forgotten = state.withLock { $0.minutes.takeBack(taken) }
            let code = (error as? PostgresError).map { "\($0.code)" } ?? "\(type(of: error))"
            logger.warning(
                "Minutes of this server were not written; they will be",
                metadata: ["error.code": "\(code)", "minutes.forgotten": "\(forgotten)"])
        }
    }
}
