import Domain
import Formats
import Postgres

/// What the trend takes of one month: minutes of each component, tasks of each model, and batches.
struct MonthFigures: Codable, Sendable {
    struct Component: Codable, Sendable {
        let component: String
        let total: Int64
        let monitored: Int64
        let down: Int64
        let excluded: Int64
    }

    /// Tasks on the clock that judges each of them.
    struct Model: Codable, Sendable {
        let model: String
        let good: Int64
        let valid: Int64
    }

    struct Refunds: Codable, Sendable {
        var good: Int64 = 0
        var valid: Int64 = 0
    }

    /// By the bytes of the names, and so are the models.
    var availability: [Component] = []
    var completion: [Model] = []
    var refunds = Refunds()
}

extension MonthFigures {
    /// - Parameter models: By the bytes of their names: names that are equal as text are not the same.
    init(_ components: [AvailabilityFigure], _ models: [[UInt8]: Attainment], _ refunds: Attainment?) {
        availability = components.map {
            Component(
                component: $0.component, total: $0.total, monitored: $0.monitored, down: $0.down, excluded: $0.excluded)
        }
        completion = models.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map {
            Model(model: String(decoding: $0.key, as: UTF8.self), good: $0.value.good, valid: $0.value.valid)
        }
        self.refunds = Refunds(good: refunds?.good ?? 0, valid: refunds?.valid ?? 0)
    }

    /// Their one text: figures are the same where it is.
    func document() throws -> String { String(decoding: try CanonicalJSON.encode(self), as: UTF8.self) }

    /// Reads a document; nil for one that no counting gives.
    init?(document: String) {
        guard let read = try? CanonicalJSON.decode(Self.self, from: document), read.isPossible,
            (try? read.document()).map({ $0.utf8.elementsEqual(document.utf8) }) ?? false
        else { return nil }
        self = read
    }

    private var isPossible: Bool {
        availability.allSatisfy {
            0 <= $0.excluded && $0.excluded <= $0.down && $0.down <= $0.monitored && $0.monitored <= $0.total
        }
            && completion.allSatisfy { 0 <= $0.good && $0.good <= $0.valid }
            && 0 <= refunds.good && refunds.good <= refunds.valid
    }

    /// One figure in words, under the promise and the subject that it is of.
    struct Figure {
        let promise: Promise.Name
        let subject: String
        let words: String
    }

    /// All of them, in order.
    var figures: [Figure] {
        availability.map {
            Figure(
                promise: .availability, subject: $0.component,
                words: "\($0.down) minutes down, \($0.excluded) of them excluded, \($0.monitored) of \($0.total) "
                    + "monitored")
        }
            + completion.map {
                Figure(promise: .completion, subject: $0.model, words: "\($0.good) of \($0.valid) tasks good")
            }
            + [
                Figure(
                    promise: .autoRefund, subject: "", words: "\(refunds.good) of \(refunds.valid) refunds on time")
            ]
    }
}

extension TrendPoint {
    /// The points of some months, each promise's after those of the one before it.
    static func points(
        _ months: [(month: Month, figures: MonthFigures)], contract: ContractProfile
    ) -> [TrendPoint] {
        let availability = months.flatMap { month, figures in
            figures.availability.map { counted in
                let figure = AvailabilityFigure(
                    component: counted.component, total: counted.total, monitored: counted.monitored,
                    down: counted.down, excluded: counted.excluded)
                return TrendPoint(month: month, figure, contract: contract)
            }
        }
        let completion = months.flatMap { month, figures in
            figures.completion.map { counted in
                let attainment = Attainment(good: counted.good, valid: counted.valid)
                let target = contract.completions[counted.model]?.target
                return TrendPoint(
                    month: month, promise: .completion, subject: counted.model, target: target,
                    attainment: attainment, verdict: attainment.verdict(target: target))
            }
        }
        let refunds = months.filter { $0.figures.refunds.valid > 0 }.map { month, figures in
            TrendPoint(
                month: month, refunds: Attainment(good: figures.refunds.good, valid: figures.refunds.valid))
        }
        return availability + completion + refunds
    }
}

extension SLAReader {
    /// The queries that count what the trend takes of a month.
    static let monthQueries = ["availability", "batches", "trend_completion"]

    /// Counts what the trend takes of some months, which come in the order of time: all of them in one pass.
    func monthFigures(_ months: [SLAScope.JudgedMonth]) throws -> [MonthFigures] {
        guard !months.isEmpty else { return [] }
        guard !scope.areApart else { return try monthFigures(months, ofEach: [scope])[0] }
        let availability = try availability(months)
        let completion = try completionByMonth(months)
        return try zip(zip(availability, completion), refundsByMonth(months)).map {
            MonthFigures($0.0, $0.1, $1)
        }
    }

    /// Completion of each month by the bytes of the model's name, as far as there are tasks.
    private func completionByMonth(_ months: [SLAScope.JudgedMonth]) throws -> [[[UInt8]: Attainment]] {
        var counted = [[[UInt8]: Attainment]](repeating: [:], count: months.count)
        for row in try dividedRows("trend_completion", months: months) {
            let (period, model) = (Int(try row.int("period")) - 1, Array(try row.text("model").utf8))
            let before = counted[period][model] ?? Attainment(good: 0, valid: 0)
            counted[period][model] = Attainment(
                good: before.good + (try row.int("good")), valid: before.valid + (try row.int("valid")))
        }
        return counted
    }

    /// Refunds of each month, for everybody.
    private func refundsByMonth(_ months: [SLAScope.JudgedMonth]) throws -> [Attainment] {
        // Not divided: a batch and its tasks may be of different owners.
        try batches(months).map { figures in
            figures.first { $0.account == nil }?.figure.refunds ?? Attainment(good: 0, valid: 0)
        }
    }
}
