import Domain
package import Postgres
import Synchronization

/// A query of a report's folder with its values bound to `$1`, `$2`, …
///
/// Its text is somebody's file. It leaves this type only by ways that run it as one query that reads, whatever stands
/// in it: as the query of a cursor, or after the server has taken it as one.
public struct BoundQuery: Sendable {
    /// Texts of one library that the server has taken as queries: each is asked about once.
    final class Taken: Sendable {
        private let texts = Mutex<Set<String>>([])

        func contains(_ sql: String) -> Bool { texts.withLock { $0.contains(sql) } }
        func insert(_ sql: String) { _ = texts.withLock { $0.insert(sql) } }
    }

    private let sql: String
    private let parameters: [Value]
    /// The report's folder and the file, `failures/by_day.sql`.
    private let path: String
    private let taken: Taken

    init(sql: String, parameters: [Value], path: String, taken: Taken) {
        self.sql = sql
        self.parameters = parameters
        self.path = path
        self.taken = taken
    }

    /// All rows, in memory.
    package func rows(_ session: Session) throws -> [Row] {
        try require(session)
        return try naming { try session.query(sql, parameters) }
    }

    /// Hands over the rows one by one.
    @discardableResult
    package func forEachRow(
        _ session: Session, rows format: RowFormat = .binary,
        onColumns: ([ColumnDescription]) throws -> Void = { _ in }, _ body: (borrowing RowView) throws -> Void
    ) throws -> Int {
        try require(session)
        return try naming { try session.forEachRow(sql, parameters, rows: format, onColumns: onColumns, body) }
    }

    /// Opens a cursor for it.
    package func declare(_ cursor: String, in session: Session) throws {
        _ = try naming { try session.execute("DECLARE \(cursor) NO SCROLL CURSOR FOR\n\(sql)", parameters) }
    }

    /// The text with the values written out, for psql.
    package func script(_ session: Session, literal: (Value) -> String) throws -> String {
        try require(session)
        var text = sql
        // From the last to the first, so that $1 does not eat the start of $12.
        for (index, value) in parameters.enumerated().reversed() {
            text = text.replacing("$\(index + 1)", with: literal(value))
        }
        return text
    }

    private func require(_ session: Session) throws {
        guard !taken.contains(sql) else { return }
        try naming { try session.requireQuery(sql, parameters) }
        taken.insert(sql)
    }

    /// Says of which file the server refused to run what stands there.
    private func naming<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as PostgresError where error.code == .server {
            let message = (error.message ?? error.sentence).replacing("\n", with: " ")
            switch error.sqlState {
            case .syntaxError, .featureNotSupported:
                throw DaybookError(
                    .configuration,
                    "\(path) is not a query that PostgreSQL takes (\(message)); a query of a report is one SELECT or "
                        + "VALUES, and nothing beside it.", debugText: String(reflecting: error))
            case let state? where state.category == "25":
                throw DaybookError(
                    .configuration,
                    "\(path) does more than read (\(message)); a query of a report runs read-only and leaves its "
                        + "transaction as it is.", debugText: String(reflecting: error))
            default: throw error
            }
        }
    }
}
