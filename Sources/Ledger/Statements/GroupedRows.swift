import Domain
import Foundation
import Postgres
import Schema

/// Rows that come in pieces, taken one account after the other.
final class GroupedRows<Value> {
    /// A few thousand rows, each with the number of its account.
    typealias Piece = [(account: Int64, value: Value)]

    private let fetch: () throws -> Piece?
    private var piece: Piece = []
    private var position = 0

    /// Takes from a source of pieces, which gives nil after the last and never an empty one. Rows are ordered by the
    /// number of the account.
    init(_ fetch: @escaping () throws -> Piece?) { self.fetch = fetch }

    /// The next rows, as long as they are an account's.
    func forEach(of account: Int64, _ body: (Value) throws -> Void) throws {
        while true {
            if position == piece.count {
                piece = try fetch() ?? []
                position = 0
            }
            let isEmpty = piece.isEmpty
            try piece.withUnsafeBufferPointer { rows in
                while position < rows.count, rows[position].account == account {
                    try body(rows[position].value)
                    position += 1
                }
            }
            // The next row is another account's, or there is none.
            if position < piece.count || isEmpty { return }
        }
    }
}

/// Reads a query's rows in pieces through a cursor: two of them can be read side by side on one connection, in flat
/// memory.
final class RowCursor<Value> {
    private let session: Session
    private let name: String
    private let pieceRows: Int
    private let decode: (borrowing RowView) throws -> Value
    private var isAtEnd = false

    /// Opens the cursor. The query's first column is the number of the account, by which it is ordered.
    init(
        _ name: String, _ query: BoundQuery, session: Session, pieceRows: Int = 20_000,
        decode: @escaping (borrowing RowView) throws -> Value
    ) throws {
        self.session = session
        self.name = name
        self.pieceRows = pieceRows
        self.decode = decode
        try query.declare(name, in: session)
    }

    /// The next rows; nil after the last.
    func fetch() throws -> GroupedRows<Value>.Piece? {
        guard !isAtEnd else { return nil }
        var piece: GroupedRows<Value>.Piece = []
        piece.reserveCapacity(pieceRows)
        try session.forEachRow("FETCH FORWARD \(pieceRows) FROM \(name)") { row in
            piece.append((try row.int(0), try decode(row)))
        }
        isAtEnd = piece.count < pieceRows
        if isAtEnd { try session.execute("CLOSE \(name)") }
        return piece.isEmpty ? nil : piece
    }
}

/// Rows that a further connection reads ahead in the first one's snapshot, while the first is busy with what comes of
/// them: the server and this program work at the same time, in flat memory.
///
/// The first connection's thread begins it and takes the pieces; the second's serves it. Each waits for the other on
/// its own thread, never on Swift's.
///
/// `@unchecked Sendable`: what changes is read and written under the condition's lock alone.
final class RowFeed<Value: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var order: (snapshot: String, query: BoundQuery)?
    private var pieces: [GroupedRows<Value>.Piece] = []
    private var state = State.waiting

    private enum State {
        case waiting
        /// The further connection is in the snapshot.
        case open
        case ended
        case failed(any Error)
        /// Nobody takes pieces any more.
        case stopped
    }

    private struct Stopped: Error {}

    private let settings: String
    private let pieceRows: Int
    private let piecesAhead: Int
    private let decode: @Sendable (borrowing RowView) throws -> Value

    /// - Parameter settings: SQL that every reading begins with.
    init(
        settings: String = "", pieceRows: Int = 5000, piecesAhead: Int = 8,
        decode: @escaping @Sendable (borrowing RowView) throws -> Value
    ) {
        self.settings = settings
        self.pieceRows = pieceRows
        self.piecesAhead = piecesAhead
        self.decode = decode
    }

    // MARK: The first connection

    /// Has a query read in the snapshot of a session. Its first column is the number of the account, by which it is
    /// ordered.
    ///
    /// False if the further connection cannot come into the snapshot, as one to another server cannot.
    func begin(_ query: BoundQuery, in session: Session) throws -> Bool {
        let snapshot = try session.query("SELECT pg_export_snapshot() AS name")[0].text("name")
        return locked {
            order = (snapshot, query)
            condition.broadcast()
            while case .waiting = state { condition.wait() }
            if case .failed = state { return false }
            return true
        }
    }

    /// The next rows; nil after the last. Throws what the further connection's reading threw.
    func next() throws -> GroupedRows<Value>.Piece? {
        try locked {
            while pieces.isEmpty, case .open = state { condition.wait() }
            if case .failed(let error) = state { throw error }
            guard !pieces.isEmpty else { return nil }
            condition.broadcast()
            return pieces.removeFirst()
        }
    }

    /// Ends the reading: whoever begins calls it when all is done, or went wrong.
    func stop() {
        locked {
            if case .ended = state { return }
            state = .stopped
            condition.broadcast()
        }
    }

    // MARK: The further connection

    /// Serves over a connection. What goes wrong here, the connection's loss too, ends the waiting of the first one.
    func serve(over connection: DirectConnection, _ options: TransactionOptions) async {
        do {
            try await connection.transaction(options) { self.serve($0) }
        } catch {
            end(.failed(error))
        }
    }

    /// Waits for the query, reads it to its end, or until nobody wants it. What goes wrong is the first one's to tell.
    private func serve(_ session: Session) {
        do {
            guard let order = waitForOrder() else { return }
            try session.execute("SET TRANSACTION SNAPSHOT '\(order.snapshot)'")
            try ReportSession.prepare(session)
            try session.executeScript(settings)
            locked {
                if case .waiting = state { state = .open }
                condition.broadcast()
            }
            var piece: GroupedRows<Value>.Piece = []
            try order.query.forEachRow(session) { row in
                piece.append((try row.int(0), try decode(row)))
                if piece.count == pieceRows {
                    try put(piece)
                    piece = []
                }
            }
            if !piece.isEmpty { try put(piece) }
            end(.ended)
        } catch is Stopped {
            return
        } catch {
            end(.failed(error))
        }
    }

    private func waitForOrder() -> (snapshot: String, query: BoundQuery)? {
        locked {
            while order == nil, case .waiting = state { condition.wait() }
            return order
        }
    }

    private func put(_ piece: GroupedRows<Value>.Piece) throws {
        try locked {
            while pieces.count >= piecesAhead, case .open = state { condition.wait() }
            guard case .open = state else { throw Stopped() }
            pieces.append(piece)
            condition.broadcast()
        }
    }

    /// Says that no more rows come, and why, unless that is settled already.
    private func end(_ ending: State) {
        locked {
            switch state {
            case .waiting, .open: state = ending
            case .ended, .failed, .stopped: return
            }
            condition.broadcast()
        }
    }

    private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
        condition.lock()
        defer { condition.unlock() }
        return try body()
    }
}

extension StatementReader {
    /// What further connections serve. Without them everything is read over one.
    struct Feeds: Sendable {
        var history: RowFeed<Movement>?
        var batches: RowFeed<BatchRow>?
        var entries: RowFeed<StatementEntry>?

        /// Nobody reads any more.
        func stop() {
            history?.stop()
            batches?.stop()
            entries?.stop()
        }

        /// Runs the body while the connections serve: the history first, then the batches, then the entries, as many of
        /// the three as there are connections.
        static func serve<Result>(
            over connections: [DirectConnection], _ options: TransactionOptions,
            _ body: (Feeds) async throws -> Result
        ) async throws -> Result {
            try await withThrowingTaskGroup(of: Void.self) { group in
                var left = connections[...]
                func feed<Value: Sendable>(
                    _ decode: @escaping @Sendable (borrowing RowView) throws -> Value,
                    _ settings: String = StatementReader.settings
                ) -> RowFeed<Value>? {
                    guard let connection = left.popFirst() else { return nil }
                    let feed = RowFeed(settings: settings, decode: decode)
                    group.addTask { await feed.serve(over: connection, options) }
                    return feed
                }
                let feeds = Feeds(
                    history: feed(StatementReader.movement, StatementReader.historySettings),
                    batches: feed(StatementReader.batch), entries: feed(StatementReader.entry))
                defer { feeds.stop() }
                return try await body(feeds)
            }
        }
    }
}
