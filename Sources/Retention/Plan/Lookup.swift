/// Where something about a row is looked up that the row itself does not say.
struct Lookup: Sendable {
    let alias: String
    /// The columns that are needed of it.
    let columns: [String]
    let table: String
    /// When a row of `alias` is the one.
    let condition: String
    /// True if an index finds it.
    let isIndexed: Bool

    /// A join that the planner may turn as it likes.
    var join: String { "LEFT JOIN \(table) AS \(alias) ON \(condition)" }

    /// A join that takes row by row: `OFFSET 0` keeps the planner from hashing the whole table for a stretch of rows.
    var probe: String {
        guard isIndexed else { return join }
        let list = columns.map { "\(alias).\($0)" }.joined(separator: ", ")
        return
            """
            LEFT JOIN LATERAL (SELECT \(list) FROM \(table) AS \(alias) WHERE \(condition) OFFSET 0) AS \(alias) ON true
            """
    }
}
