import Domain
import Postgres
import Schema

/// Reads what was closed. A database without the tables has closed nothing.
struct MonthCloses {
    let session: Session
    private let exists: Bool

    init(session: Session, catalog: Catalog) {
        self.session = session
        exists = ["month_close", "month_reopen"].allSatisfy { name in
            KnownTable.own.contains { $0.name == name && catalog.has($0) }
        }
    }

    /// The closes that are in force: the newest revision of each month that was not opened again.
    static let current = """
        SELECT c.* FROM daybook.month_close AS c
        WHERE NOT EXISTS (
            SELECT FROM daybook.month_reopen AS r
            WHERE r.user_id = c.user_id AND r.month = c.month AND r.revision = c.revision
        )
        """

    /// Gives every account of a run what its months before the reported one have closed.
    func attach(to scope: inout StatementScope) throws {
        guard exists else { return }
        let rows = try session.query(
            """
            WITH closed AS (\(Self.current))
            SELECT c.user_id::text AS user_id, max(c.month) AS month, max(c.period_end) AS period_end,
                max(c.closed_at) AS closed_at, (array_agg(c.hash ORDER BY c.month DESC))[1] AS hash
            FROM closed AS c
            WHERE c.month < $1
            GROUP BY c.user_id
            """, [.date(scope.request.month.firstDay)])
        var byUser: [String: Row] = [:]
        for row in rows { byUser[try row.text("user_id")] = row }
        for index in scope.accounts.indices {
            let userID = scope.accounts[index].account.userID
            guard let row = byUser[userID] else { continue }
            var ids: Set<Int64> = []
            try session.forEachRow(
                """
                WITH closed AS (\(Self.current))
                SELECT unnest(c.entry_ids) FROM closed AS c WHERE c.user_id = $1 AND c.month < $2
                """, [.uuid(userID), .date(scope.request.month.firstDay)]
            ) { ids.insert(try $0.int(0)) }
            let day = try row.date("month").components
            guard let month = Month(year: day.year, number: day.month) else { continue }
            scope.accounts[index].closed = ClosedLedger(
                month: month, end: try row.instant("period_end"), closedAt: try row.instant("closed_at"),
                hash: try row.text("hash"), ids: ids)
        }
    }
}
