internal import Synchronization

/// Reads one snapshot over several connections.
///
/// The given connection holds the snapshot in a transaction of its own; the others, its helpers, take it over for as
/// long as a ``read(_:options:prepare:_:)`` lasts. Every part sees what the given one sees, and nothing else.
public final class SnapshotReaders: Sendable {
    private let connection: Connection
    private let helpers: [Connection]
    private let isReading = Atomic(false)

    /// How long a pooler may take to find a session for a helper: reading without one is quicker than waiting for it.
    private static let patienceSeconds = 2

    private init(_ connection: Connection, _ helpers: [Connection]) {
        self.connection = connection
        self.helpers = helpers
    }

    /// Opens up to `atMost - 1` further connections of the same kind beside one, and closes them afterwards, whatever
    /// happens.
    ///
    /// Where a further one cannot be had (too many connections, a role's limit, a pooler without a session to spare) it
    /// goes on with those that there are, one at least. It goes on with the given one alone as well where several would
    /// not see the same: where the server exports no snapshot, and where tables are elsewhere, distributed by Citus or
    /// foreign, so that each connection would read them at a moment of its own.
    ///
    /// Throws what the body throws, and ``PostgresError/Code/cancelled``.
    public nonisolated(nonsending) static func with<Result: Sendable>(
        _ connection: Connection, atMost: Int, _ body: (SnapshotReaders) async throws -> Result
    ) async throws -> Result {
        let readers = SnapshotReaders(connection, try await openHelpers(beside: connection, atMost: atMost - 1))
        do {
            let result = try await body(readers)
            await close(readers.helpers)
            return result
        } catch {
            await close(readers.helpers)
            throw error
        }
    }

    /// How many connections read, the given one among them.
    public var count: Int { helpers.count + 1 }

    /// Runs the body once for each part of what is to be read, and returns what they gave, in order.
    ///
    /// There are ``count`` parts, or fewer where a helper cannot take the snapshot over. The first is read on the
    /// session itself, which is in a REPEATABLE READ transaction (and in no savepoint of it); the others at the same
    /// time, each in a transaction of its own with these options, after `prepare`. Blocks until all have ended.
    ///
    /// The first failure stops the others, their statements on the server too, and is thrown once all have ended: the
    /// cause, never a cancellation that followed from it. Cancelling the task that waits for the session's body cancels
    /// all of them.
    public func read<Part: Sendable>(
        _ session: Session, options: TransactionOptions, prepare: @Sendable @escaping (Session) throws -> Void,
        _ body: @Sendable @escaping (Session, _ part: Int, _ parts: Int) throws -> Part
    ) throws -> [Part] {
        guard session.canceller === connection.canceller, session.isInTransaction else {
            throw PostgresError(.invalidUse, "A snapshot is read in a transaction of the connection that holds it.")
        }
        guard !helpers.isEmpty else { return [try body(session, 0, 1)] }
        guard !isReading.exchange(true, ordering: .relaxed) else {
            throw PostgresError(.invalidUse, "A snapshot is read once at a time.")
        }
        defer { isReading.store(false, ordering: .relaxed) }
        let snapshot = try SharedSnapshot(exportedBy: session)
        var options = options
        (options.isolation, options.notesReplay) = (.repeatableRead, false)
        let reading = SnapshotReading<Part>()
        return try session.canceller.withPart(onCancel: { reading.halt() }) { [options] halt in
            reading.whenHalted(halt)
            for index in helpers.indices {
                reading.start(index, helpers[index]) { helper, arrive in
                    try Self.transaction(helper, options) {
                        try snapshot.adopt(in: helper)
                        let (part, parts) = arrive()
                        try prepare(helper)
                        return try body(helper, part, parts)
                    }
                }
            }
            return try reading.finish { try body(session, 0, $0) }
        }
    }

    /// A transaction for which a pooler has a session soon, or which fails.
    private static func transaction<Result>(
        _ session: Session, _ options: TransactionOptions, _ body: () throws -> Result
    ) throws -> Result {
        if session.isPooled { session.answersBy = ContinuousClock.now + .seconds(patienceSeconds) }
        defer { session.answersBy = nil }
        return try session.transaction(options) {
            session.answersBy = nil
            return try body()
        }
    }
}

// The helpers.
extension SnapshotReaders {
    private nonisolated(nonsending) static func openHelpers(
        beside connection: Connection, atMost count: Int
    ) async throws -> [Connection] {
        var helpers: [Connection] = []
        do {
            while helpers.count < count {
                helpers.append(try await Connection.open(connection.settings, patienceSeconds: patienceSeconds))
            }
        } catch let error as PostgresError where error.code != .cancelled {
            // It is slower with those that there are, and as right.
        } catch {
            await close(helpers)
            throw error
        }
        guard let first = helpers.first else { return [] }
        do {
            if try await first.run({ try canShare($0) }) { return helpers }
        } catch let error as PostgresError where error.code != .cancelled {
            // What the first helper cannot do here, the given connection had better not try in its transaction.
        } catch {
            await close(helpers)
            throw error
        }
        await close(helpers)
        return []
    }

    private nonisolated(nonsending) static func close(_ helpers: [Connection]) async {
        for helper in helpers { await helper.close() }
    }

    /// True where several sessions can see one moment: the tables are here, and the server exports a snapshot.
    private static func canShare(_ session: Session) throws -> Bool {
        try transaction(session, .snapshot) {
            guard try session.query("SELECT FROM pg_catalog.pg_foreign_table LIMIT 1").isEmpty,
                try !session.isDistributed()
            else { return false }
            _ = try SharedSnapshot(exportedBy: session)
            return true
        }
    }
}

/// A snapshot that other sessions take over while the transaction that exported it goes on.
struct SharedSnapshot: Sendable {
    /// Thrown by a session that was led to another server, or did not get what was exported.
    struct Elsewhere: Error {}

    private let name: String
    private let sight: Sight

    /// By what a session knows what it sees: the server's start, and the transactions that are visible.
    private struct Sight: Equatable {
        let startedAt: String
        let visible: String

        static let columns = """
            pg_catalog.pg_postmaster_start_time()::text AS started_at,
            pg_catalog.pg_current_snapshot()::text AS visible,
            pg_catalog.current_setting('transaction_isolation') AS isolation
            """

        init(_ row: Row) throws {
            startedAt = try row.text("started_at")
            visible = try row.text("visible")
        }
    }

    init(exportedBy session: Session) throws {
        let row = try session.query("SELECT pg_catalog.pg_export_snapshot() AS name, \(Sight.columns)")[0]
        guard try row.text("isolation") != "read committed" else {
            throw PostgresError(.invalidUse, "Only a REPEATABLE READ transaction has a snapshot that others can share.")
        }
        name = try row.text("name")
        sight = try Sight(row)
    }

    /// Makes a transaction that has read nothing yet see what the exporting one sees.
    func adopt(in session: Session) throws {
        let literal = "'" + name.replacing("'", with: "''") + "'"
        try session.executeScript("SET TRANSACTION SNAPSHOT \(literal)")
        guard try Sight(try session.query("SELECT \(Sight.columns)")[0]) == sight else { throw Elsewhere() }
    }
}
