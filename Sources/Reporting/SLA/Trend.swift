import Documents
import Domain

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

    init(name: Promise.Name, months: [Month], series: [Series]) {
        (self.name, self.months, self.series) = (name, months, series)
    }

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
