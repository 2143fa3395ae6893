import Domain
import Postgres

/// The trends of the reports of single accounts, all counted in one reading.
extension SLAReader {
    /// The months before the reported one in the report of each account: availability, completion by model, refunds.
    func earlierTrends(ofEach scopes: [SLAScope]) throws -> [[TrendPoint]] {
        let months = scope.earlier
        guard !months.isEmpty else { return scopes.map { _ in [] } }
        let availability = try availability(months, forEach: scopes)
        let completion = try earlierCompletions(months)
        let refunds = try batches(months).map { try $0.apart(scopes.count, by: \.account) }
        return scopes.enumerated().map { index, scope in
            let contract = scope.widestProfile
            var points: [TrendPoint] = []
            for (month, figures) in zip(months, availability[index]) {
                points += figures.map { TrendPoint(month: month.month, $0, contract: contract) }
            }
            for (month, models) in zip(months, completion[index]) {
                points += models.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { model, attainment in
                    let model = String(decoding: model, as: UTF8.self)
                    let target = contract.completions[model]?.target
                    return TrendPoint(
                        month: month.month, promise: .completion, subject: model, target: target,
                        attainment: attainment, verdict: attainment.verdict(target: target))
                }
            }
            for (month, batches) in zip(months, refunds) {
                guard let refunds = batches[index].first?.figure.refunds, refunds.valid > 0 else { continue }
                points.append(TrendPoint(month: month.month, refunds: refunds))
            }
            return points
        }
    }

    /// Completion of each account in each month by the bytes of the model's name: names that are equal as text are not
    /// the same.
    private func earlierCompletions(
        _ months: [SLAScope.JudgedMonth]
    ) throws -> [[[[UInt8]: Attainment]]] {
        let none = [[[UInt8]: Attainment]](repeating: [:], count: months.count)
        var counted = [[[[UInt8]: Attainment]]](repeating: none, count: scope.accounts.count)
        for row in try dividedRows("trend_completion", months: months) {
            let account = try Self.place(of: try row.int("whose"), among: counted.count)
            counted[account][Int(try row.int("period")) - 1][Array(try row.text("model").utf8)] = Attainment(
                good: try row.int("good"), valid: try row.int("valid"))
        }
        return counted
    }
}
