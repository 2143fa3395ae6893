public import Domain
internal import Postgres

/// A look into an archive as it is asked for: rows that were purged live again, so it says why and until when.
public struct LookRequest: Sendable, Hashable {
    /// What the names of its tables begin with.
    public let into: String
    public let reason: String
    /// The last day, in UTC; nil for ``Limits/lookDays`` from today.
    public let until: CalendarDate?

    public init(into: String, reason: String, until: CalendarDate?) {
        self.into = into
        self.reason = reason
        self.until = until
    }

    /// The full name of the table of a class.
    func table(_ dataClass: String) -> String { (into.contains(".") ? into : "public." + into) + "_" + dataClass }

    /// Throws `usage` for names that PostgreSQL would cut off.
    func requireFitting(_ tables: [String]) throws {
        guard tables.allSatisfy({ $0.split(separator: ".").allSatisfy { $0.utf8.count <= Limits.identifierBytes } })
        else {
            throw DaybookError.usage(
                "The name that ",
                .choose(.lookTables).then(" gives is too long for a table; nothing was put back."))
        }
    }

    /// The first instant after its last day. Throws `usage` for one that is over, or too far away.
    func end(_ session: Session) throws -> Instant {
        let row = try session.query(
            """
            SELECT (coalesce($1::date, d.today + $2::bigint::integer) + 1)::timestamp AT TIME ZONE 'UTC' AS until,
                coalesce($1::date, d.today) BETWEEN d.today AND d.today + $3::bigint::integer AS is_fitting,
                (d.today + $3::bigint::integer)::text AS latest
            FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS today) AS d
            """, [until.map { .date($0) } ?? .null, .int(Limits.lookDays), .int(Limits.mostLookDays)])[0]
        guard try row.bool("is_fitting") else {
            throw DaybookError.usage(
                "A look ends between today and \(try row.text("latest")), in UTC; nothing was put back. What is needed "
                    + "for longer is put back under a hold, without ", .choose(.lookTables).then("."))
        }
        return try row.instant("until")
    }
}

/// A table of its own for the rows of an archive: every column that the archive has, whatever became of the table that
/// they were taken from.
struct LookTable {
    let name: String
    /// The archive's pieces that go there, at least one.
    let rows: [RestoredRows]

    /// Makes the table and fills it. A column has the type that it has where the rows were taken from; where the column
    /// is gone, or values do not fit it any more, all of them are text, as the archive has it.
    func make(_ session: Session) throws {
        do {
            try session.savepoint { try fill(typed: true, session) }
        } catch let error as PostgresError where ["22", "23", "42"].contains(error.sqlState?.category ?? "") {
            try fill(typed: false, session)
        }
    }

    private func fill(typed: Bool, _ session: Session) throws {
        let table = TableName.quoted(name, session)
        let types = typed ? try self.types(session) : [:]
        var columns: [String] = []
        for column in rows.flatMap(\.segment.columns) where !columns.contains(column) { columns.append(column) }
        let list = columns.map { "\(session.quoteIdentifier($0)) \(types[$0] ?? "text")" }
        try session.executeScript("CREATE TABLE \(table) (\(list.joined(separator: ", ")))")
        for piece in rows { try piece.copy(into: name, session) }
    }

    /// The types of the columns that are still there, by their names.
    private func types(_ session: Session) throws -> [String: String] {
        guard let source = rows.first?.source else { return [:] }
        let found = try session.query(
            """
            SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
            WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
            """, [.text(source)])
        return Dictionary(
            uniqueKeysWithValues: try found.map { (try $0.text("name"), try $0.text("type")) })
    }
}
