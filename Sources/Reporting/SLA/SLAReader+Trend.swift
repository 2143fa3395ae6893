import Domain
import Postgres

extension SLAReader {
    /// The twelve months before the reported one: availability, completion by model, refunds.
    func earlierTrend() throws -> [TrendPoint] {
        let months = scope.earlier
        guard !months.isEmpty else { return [] }
        let contract = scope.widestProfile
        var points: [TrendPoint] = []
        for (month, figures) in zip(months, try availability(months)) {
            points += figures.map { TrendPoint(month: month.month, $0, contract: contract) }
        }
        for row in try rows("trend_completion", months: months) {
            let model = try row.text("model")
            let attainment = Attainment(good: try row.int("good"), valid: try row.int("valid"))
            let target = contract.completions[model]?.target
            points.append(
                TrendPoint(
                    month: months[Int(try row.int("period")) - 1].month, promise: .completion, subject: model,
                    target: target, attainment: attainment, verdict: attainment.verdict(target: target)))
        }
        for (month, figures) in zip(months, try batches(months)) {
            guard let refunds = figures.first?.figure.refunds, refunds.valid > 0 else { continue }
            points.append(TrendPoint(month: month.month, refunds: refunds))
        }
        return points
    }
}

extension TrendPoint {
    init(month: Month, _ figure: AvailabilityFigure, contract: ContractProfile) {
        self.init(
            month: month, promise: .availability, subject: figure.component, target: contract.availabilityTarget,
            attainment: figure.attainment, verdict: figure.verdict(contract))
    }

    init(month: Month, refunds: Attainment) {
        self.init(
            month: month, promise: .autoRefund, subject: "", target: .hundred, attainment: refunds,
            verdict: refunds.verdict(target: .hundred))
    }

    /// A promise of the reported month as the trend's last point.
    init(month: Month, _ promise: Promise) {
        self.init(
            month: month, promise: promise.name, subject: promise.subject, target: promise.target,
            attainment: promise.attainment, verdict: promise.verdict)
    }
}
