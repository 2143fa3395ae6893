import Documents
import Domain
import Postgres

/// How one promise went in one month of the trend.
struct TrendPoint: Sendable {
    let month: Month
    let promise: Promise.Name
    /// The component or model; empty for refunds.
    let subject: String
    let target: Percent?
    let attainment: Attainment
    let verdict: Verdict

    /// Attained in percent; nil where there is too little data to know it.
    var attained: Percent? { verdict == .insufficientData ? nil : attainment.percent }
}

/// One promise of the trend as a grid: a row per month, a column per component or model.
struct TrendGrid: Sendable {
    struct Series: Sendable {
        let name: String
        let target: Percent?
        /// One per month; nil where the month has no figure, or too little data for one.
        let values: [Percent?]
    }

    let name: Promise.Name
    let months: [Month]
    let series: [Series]

    var isEmpty: Bool { series.allSatisfy { $0.values.allSatisfy { $0 == nil } } }

    /// The points of one promise.
    init(_ name: Promise.Name, points: [TrendPoint], months: [Month]) {
        self.name = name
        self.months = months
        let own = points.filter { $0.promise == name }
        let subjects = Set(own.map(\.subject)).sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        series = subjects.map { subject in
            let ofSubject = own.filter { $0.subject == subject }
            return Series(
                name: name == .autoRefund ? "all batches" : subject.isEmpty ? "(no name)" : subject,
                target: ofSubject.last?.target,
                values: months.map { month in ofSubject.first { $0.month == month }?.attained })
        }
    }

    /// The same numbers as a table, for those who do not look at charts.
    var table: Table {
        Table(
            name: "trend-" + name.rawValue, title: "\(name.title) by month", note: "Attained, in percent.",
            columns: [Column("month", .text)] + series.map { Column($0.name, .percent, title: $0.name) },
            rows: months.enumerated().map { index, month in
                [.text(month.description)] + series.map { .optional($0.values[index]) }
            })
    }
}

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
        for counted in try earlierCompletion(months) {
            let target = contract.completions[counted.model]?.target
            points.append(
                TrendPoint(
                    month: months[counted.period].month, promise: .completion, subject: counted.model,
                    target: target, attainment: counted.attainment,
                    verdict: counted.attainment.verdict(target: target)))
        }
        for (month, refunds) in zip(months, try earlierRefunds(months)) where refunds.valid > 0 {
            points.append(TrendPoint(month: month.month, refunds: refunds))
        }
        return points
    }

    /// Completion of each month by model, as far as there are tasks, in the order of months and models.
    private func earlierCompletion(
        _ months: [SLAScope.JudgedMonth]
    ) throws -> [(period: Int, model: String, attainment: Attainment)] {
        // By the names' bytes: names that are equal as text are not the same.
        var counted: [Int: [[UInt8]: (good: Int64, valid: Int64)]] = [:]
        for row in try dividedRows("trend_completion", months: months) {
            let (period, model) = (Int(try row.int("period")) - 1, Array(try row.text("model").utf8))
            let before = counted[period, default: [:]][model] ?? (0, 0)
            counted[period, default: [:]][model] = (
                before.good + (try row.int("good")), before.valid + (try row.int("valid"))
            )
        }
        return counted.sorted { $0.key < $1.key }.flatMap { period, models in
            models.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { model, tasks in
                (period, String(decoding: model, as: UTF8.self), Attainment(good: tasks.good, valid: tasks.valid))
            }
        }
    }

    /// Refunds of each month, for everybody or the one account.
    private func earlierRefunds(_ months: [SLAScope.JudgedMonth]) throws -> [Attainment] {
        var counted = [(good: Int64, valid: Int64)](repeating: (0, 0), count: months.count)
        // Not divided: a batch and its tasks may be of different owners.
        for row in try rows("batches", months: months) where try row.optionalInt("account") == nil {
            let refunds = try BatchFigure(row).refunds
            counted[Int(try row.int("period")) - 1].good += refunds.good
            counted[Int(try row.int("period")) - 1].valid += refunds.valid
        }
        return counted.map { Attainment(good: $0.good, valid: $0.valid) }
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
