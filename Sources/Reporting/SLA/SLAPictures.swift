import Documents
import Domain

/// The pictures of the page, in the order in which people want them: what is left of the budgets, when the service was
/// up, how tasks ended and how long they took, when refunds came, and the year.
struct SLAPictures: Sendable {
    /// One, or none.
    let budgets: [PageChart]
    /// One, or none.
    let calendars: [CalendarChart]
    /// One where anything is probed.
    let outages: [PageTable]
    let columns: [ColumnChart]
    let trends: [PageChart]
    /// How many models are not drawn, where not all are.
    let undrawn: [String]
    /// False where there is nothing to draw.
    let areAny: Bool

    init(_ figures: SLAFigures, _ summary: SLASummary, _ scope: SLAScope, grids: [TrendGrid]) {
        let models = Self.models(figures)
        budgets = [PageChart(BudgetBurn(summary.promises, figures, scope))].compactMap(\.self)
        calendars = [CalendarChart(figures, scope)].compactMap(\.self)
        outages = calendars.isEmpty ? [] : [CalendarChart.outages(figures, scope)]
        columns =
            models.enumerated().map { Self.completion($1, number: $0, scope) }
            + models.enumerated().compactMap { Self.durations($1, number: $0, scope) }
            + [Self.refunds(figures, scope)].compactMap(\.self)
        trends = grids.compactMap { PageChart($0) }
        let hidden = figures.detail.models.count - models.count
        undrawn =
            hidden > 0 ? ["\(hidden) models with fewer tasks are not drawn; their figures are in the tables."] : []
        areAny = !budgets.isEmpty || !calendars.isEmpty || !columns.isEmpty || !trends.isEmpty
    }

    /// The models that are drawn: those with the most tasks, in their own order.
    static func models(_ figures: SLAFigures) -> [MonthDetail.Model] {
        let counted = figures.detail.models.enumerated().map { number, model in
            (number: number, tasks: model.days.joined().reduce(0, +))
        }
        let most = counted.sorted { ($1.tasks, $0.number) < ($0.tasks, $1.number) }.prefix(Limits.pageModels)
        let numbers = Set(most.map(\.number))
        return figures.detail.models.enumerated().filter { numbers.contains($0.offset) }.map(\.element)
    }

    static func completionAnchor(_ number: Int) -> String { "completion-by-day-\(number + 1)" }

    private static func name(_ model: String) -> String { model.isEmpty ? "no model" : PromiseWords.model(model) }

    private static func completion(_ model: MonthDetail.Model, number: Int, _ scope: SLAScope) -> ColumnChart {
        let month = scope.request.month
        let outcomes: [(String, Set<MonthCount.Outcome>)] = [
            ("good", [.good]), ("late", [.late]), ("failed", [.failed]), ("timed out", [.timedOut]),
            ("open or cancelled after the limit", [.inFlightOver, .cancelledLate]),
            ("excluded", [.clockError, .inputRefused, .cancelled, .providerOutage]),
            ("undetermined", [.undetermined]),
        ]
        let days = 1...month.dayCount
        let bad = days.reduce(0) { $0 + model.count(MonthDays.bad, day: $1) }
        return ColumnChart(
            anchor: completionAnchor(number), title: "Completion, \(name(model.model)), day by day",
            summary: "Tasks by the day on which their clock started, and by what became of them: "
                + "\(GroupedNumber.text(model.count(.good))) good, \(GroupedNumber.text(bad)) that broke the promise.",
            place: "day", places: days.map(month.dayText), ticks: days.map(String.init),
            kinds: outcomes.enumerated().map { pattern, outcome in
                ColumnChart.Kind(
                    name: outcome.0, pattern: pattern + 1, counts: days.map { model.count(outcome.1, day: $0) })
            })
    }

    private static func durations(_ model: MonthDetail.Model, number: Int, _ scope: SLAScope) -> ColumnChart? {
        let durations = model.durations
        guard durations.steps.contains(where: { $0 > 0 }) else { return nil }
        func end(_ step: Int) -> String { seconds(durations.microsecondsPerStep * Int64(step)) }
        let last = MonthDetail.DurationSteps.count
        let steps = 0...last
        let limit = durations.limit
        let never = [MonthCount.Outcome.failed, .timedOut, .cancelledLate, .inFlightOver].reduce(0) {
            $0 + model.count($1)
        }
        func counts(_ isMeant: (Int) -> Bool) -> [Int64] { steps.map { isMeant($0) ? durations.steps[$0] : 0 } }
        return ColumnChart(
            anchor: "durations-\(number + 1)", title: "Durations, \(name(model.model))",
            summary: "Succeeded tasks by how long they took"
                + (limit == nil ? "" : ", with the limit of \(end(limit ?? 0)) s") + ".",
            notes: [
                "Below each column is the longest duration that it holds, in seconds."
                    + (never > 0 ? " \(GroupedNumber.text(never)) valid tasks never succeeded, and are in none." : "")
            ],
            place: "seconds",
            places: steps.map { $0 == last ? "more than \(end(last))" : "up to \(end($0 + 1))" },
            ticks: steps.map { $0 == last ? "more" : $0.isMultiple(of: 2) || $0 == last - 1 ? "" : end($0 + 1) },
            kinds: [
                .init(name: limit == nil ? "succeeded" : "in time", pattern: 1, counts: counts { $0 < limit ?? .max }),
                .init(name: "late", pattern: 2, counts: counts { $0 >= limit ?? .max }),
            ],
            limit: limit.map { (Double($0), "limit \(end($0)) s") })
    }

    private static func seconds(_ microseconds: Int64) -> String {
        microseconds.isMultiple(of: 1_000_000)
            ? String(microseconds / 1_000_000) : FixedPoint.text(microseconds / 100_000, places: 1)
    }

    private static func refunds(_ figures: SLAFigures, _ scope: SLAScope) -> ColumnChart? {
        let ages = figures.detail.refundAges
        guard !ages.isEmpty else { return nil }
        let perStep = max(scope.standard.refundDeadlineSeconds / MonthDetail.RefundAge.stepsOfDeadline, 1)
        let deadline = scope.widestProfile.refundDeadlineSeconds
        let last = MonthDetail.RefundAge.lastStep
        let shown = min(max(ages.map(\.step).max() ?? 0, Int(deadline / perStep) + 2), last)
        let steps = 1...shown
        func text(_ step: Int) -> String { Seconds.words(perStep * Int64(step)) }
        let missing = figures.refundExceptions.count { $0.refundClass == "missing" || $0.refundClass == "stuck" }
        let kinds = [
            ("in full and in time", "on_time", 1), ("late", "late", 2), ("less than owed", "partial", 3),
            ("more than owed", "over_refunded", 4),
        ]
        let came = ages.reduce(0) { $0 + $1.batches }
        return ColumnChart(
            anchor: "refunds-by-age", title: "Refunds by age",
            summary: "Refunds by how long they came after the batch's last task, with the deadline of "
                + "\(Seconds.words(deadline)): \(GroupedNumber.text(came)) came.",
            notes: missing > 0
                ? ["\(GroupedNumber.text(Int64(missing))) did not come at all, and are in no column."] : [],
            place: "age",
            places: steps.map { $0 == last ? "more than \(text($0 - 1))" : "up to \(text($0))" },
            ticks: steps.map {
                $0 == last ? "more" : $0.isMultiple(of: shown > 16 ? 4 : 2) && $0 < last - 2 ? text($0) : ""
            },
            kinds: kinds.map { name, refundClass, pattern in
                ColumnChart.Kind(
                    name: name, pattern: pattern,
                    counts: steps.map { step in
                        ages.filter { $0.refundClass == refundClass && $0.step == step }.reduce(0) { $0 + $1.batches }
                    })
            },
            limit: (Double(deadline) / Double(perStep), "deadline \(Seconds.words(deadline))"))
    }
}
