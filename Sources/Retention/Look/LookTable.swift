internal import Domain
internal import Postgres

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
