import Domain
import Postgres
import Schema

/// The trends of the reports of single accounts, all counted in one reading.
extension SLAReader {
    /// The months before the reported one in the report of each account.
    ///
    /// Precondition: there is one at least, and all have the same months.
    func histories(ofEach scopes: [SLAScope]) throws -> [TrendHistory] {
        let months = TrendPlan.months(scopes[0])
        let recorded = try RecordedMonths(
            session, catalog: catalog, userIDs: scopes.map(\.recordedUserID), months: months.map(\.month))
        let sql = try library.sha256(of: Self.monthQueries)
        let plans = try scopes.map { try TrendPlan($0, sqlSHA256: sql, recorded: recorded) }
        // A month is counted for all of them where it is not recorded of one.
        let wanted = Set(plans.flatMap(\.anew))
        let counted = months.filter(wanted.contains)
        return try zip(plans, monthFigures(counted, ofEach: scopes)).map { plan, figures in
            let own = Set(plan.anew)
            return try plan.history(zip(counted, figures).filter { own.contains($0.0) }.map(\.1))
        }
    }

    /// What the trend takes of some months, in the order of time, for each account.
    func monthFigures(
        _ months: [SLAScope.JudgedMonth], ofEach scopes: [SLAScope]
    ) throws -> [[MonthFigures]] {
        guard !months.isEmpty else { return scopes.map { _ in [] } }
        let availability = try availability(months, forEach: scopes)
        let completion = try completionByMonth(months, accounts: scopes.count)
        let refunds = try batches(months).map { try $0.apart(scopes.count, by: \.account) }
        return scopes.indices.map { index in
            months.indices.map { month in
                MonthFigures(
                    availability[index][month], completion[index][month],
                    refunds[month][index].first?.figure.refunds)
            }
        }
    }

    /// Completion of each account in each month by the bytes of the model's name: names that are equal as text are not
    /// the same.
    private func completionByMonth(
        _ months: [SLAScope.JudgedMonth], accounts: Int
    ) throws -> [[[[UInt8]: Attainment]]] {
        let none = [[[UInt8]: Attainment]](repeating: [:], count: months.count)
        var counted = [[[[UInt8]: Attainment]]](repeating: none, count: accounts)
        for row in try dividedRows("trend_completion", months: months) {
            let account = try Self.place(of: try row.int("whose"), among: accounts)
            counted[account][Int(try row.int("period")) - 1][Array(try row.text("model").utf8)] = Attainment(
                good: try row.int("good"), valid: try row.int("valid"))
        }
        return counted
    }
}
