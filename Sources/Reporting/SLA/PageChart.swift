import Documents
import Domain

/// A line chart of percentages, as numbers for inline SVG.
struct PageChart: Sendable {
    struct Tick: Sendable {
        let position: String
        let label: String
    }

    struct Mark: Sendable {
        let x: String
        let y: String
        /// Read out by a screen reader and shown on hover.
        let label: String
    }

    struct Series: Sendable {
        let name: String
        /// A CSS class, `s1` to `s6`.
        let style: String
        /// SVG path data; where there is no figure is a gap.
        let path: String
        let marks: [Mark]
        let legendX: String
        let legendTextX: String
        let legendY: String
        let legendTextY: String
    }

    /// A line across the chart.
    struct Line: Sendable {
        let fromY: String
        let toY: String
        let labelY: String
        let label: String
    }

    /// One series before it is laid out.
    struct Values {
        let name: String
        /// What it is drawn like, from 0 on: the same in every chart of the page.
        let style: Int
        let values: [Percent?]

        /// Models are drawn from the first style on and components from the last one back, because both stand in one
        /// chart.
        init(_ promise: Promise.Name, _ index: Int, name: String, values: [Percent?]) {
            (self.name, self.values) = (name, values)
            let place = index % PageChart.styles
            style = promise == .availability ? PageChart.styles - 1 - place : place
        }
    }

    private static let styles = 6

    let anchor: String
    let title: String
    let summary: String
    /// A sentence below the title, or none.
    let notes: [String]
    let height: String
    let xTicks: [Tick]
    let yTicks: [Tick]
    let series: [Series]
    let lines: [Line]
    let table: PageTable

    private static let left = 58.0
    private static let width = 640.0
    private static let top = 14.0
    private static let plotHeight = 150.0
    private static let legendTop = 206.0
    static let legendHeight = 20.0

    /// Lays out the months of one promise; nil where no month has a figure. Months before the first figure are left
    /// out.
    init?(_ grid: TrendGrid) {
        guard !grid.isEmpty else { return nil }
        let grid = grid.withoutEmptyStart
        let targets = Set(grid.series.compactMap(\.target)).sorted()
        let values = grid.series.flatMap { $0.values.compactMap(\.self) }
        let span = Self.span(below: (values + targets).min() ?? .zero)
        let bottom = Percent.hundred.tenThousandths - span
        self.init(
            anchor: "chart-" + grid.name.rawValue.replacing("_", with: "-"),
            title: grid.name.title + ", month by month",
            summary: Self.summary(grid), notes: [], places: grid.months.map(\.description),
            ticks: grid.months.enumerated().map { $1.shortText(withYear: $0 == 0) },
            series: grid.series.enumerated().map { Values(grid.name, $0, name: $1.name, values: $1.values) },
            range: bottom...Percent.hundred.tenThousandths,
            lines: targets.map { ($0, $0, "target \($0.short) %") }, table: PageTable(grid.table))
    }

    /// Lays out the budget burnt from the month's first day on; nil where nothing has an allowance.
    init?(_ burn: BudgetBurn) {
        guard !burn.series.isEmpty else { return nil }
        let highest = burn.series.flatMap { $0.values.compactMap(\.self) }.max() ?? .zero
        let tops: [Int64] = [1_200_000, 1_500_000, 2_000_000, 4_000_000, 10_000_000]
        let top = tops.first { $0 >= highest.tenThousandths } ?? highest.tenThousandths
        self.init(
            anchor: "chart-budget", title: "Budget burnt",
            summary: "The share of each allowance that was gone at the end of each day, in percent. "
                + burn.series.map { "\($0.name) \($0.values.compactMap(\.self).last.map { "\($0.short) %" } ?? "")" }
                .joined(separator: ", ") + ".",
            notes: [
                "Above the straight dashed line, from 0 to 100 %, an allowance goes faster than the month; at 100 % it "
                    + "is gone."
            ],
            places: (1...burn.month.dayCount).map(burn.month.dayText),
            ticks: (1...burn.month.dayCount).map(String.init), series: burn.series, range: 0...top,
            lines: [(.hundred, .hundred, "all of it"), (.zero, .hundred, "")], table: PageTable(burn.table))
    }

    /// - Parameters:
    ///   - range: From the lowest to the highest value, in ten-thousandths of a percent.
    ///   - lines: Across the chart, from its left end to its right one.
    private init(
        anchor: String, title: String, summary: String, notes: [String], places: [String], ticks: [String],
        series: [Values],
        range: ClosedRange<Int64>, lines: [(from: Percent, to: Percent, label: String)], table: PageTable
    ) {
        func x(_ index: Int) -> Double {
            places.count == 1
                ? Self.left + Self.width / 2
                : Self.left + Self.width * Double(index) / Double(places.count - 1)
        }
        func y(_ percent: Percent) -> Double {
            let span = Double(range.upperBound - range.lowerBound)
            return Self.top + Self.plotHeight * Double(range.upperBound - percent.tenThousandths) / span
        }
        (self.anchor, self.title, self.summary, self.notes, self.table) = (anchor, title, summary, notes, table)
        xTicks = ticks.enumerated().map { Tick(position: Self.number(x($0)), label: $1) }
        yTicks = (0...4).map { step in
            let span = range.upperBound - range.lowerBound
            let percent = Percent(tenThousandths: range.upperBound - span * Int64(step) / 4)
            return Tick(position: Self.number(y(percent)), label: percent.short)
        }
        let legend = Self.legend(series.map(\.name))
        self.series = series.enumerated().map { index, line in
            let marks = line.values.enumerated().compactMap { place, value in
                value.map { percent in
                    Mark(
                        x: Self.number(x(place)), y: Self.number(y(percent)),
                        label: "\(line.name), \(places[place]): \(percent) %")
                }
            }
            let legendX = Self.left + legend[index].x
            let legendY = Self.legendTop + Self.legendHeight * Double(legend[index].row)
            return Series(
                name: line.name, style: "s\(line.style + 1)",
                path: Self.path(line.values.map { $0.map(y) }, x: x), marks: marks,
                legendX: Self.number(legendX), legendTextX: Self.number(legendX + 26), legendY: Self.number(legendY),
                legendTextY: Self.number(legendY + 4))
        }
        height = Self.number(Self.legendTop + 16 + Self.legendHeight * Double(legend.last?.row ?? 0))
        self.lines = lines.map { from, to, label in
            Line(
                fromY: Self.number(y(from)), toY: Self.number(y(to)), labelY: Self.number(y(from) - 4), label: label)
        }
    }

    /// The smallest of a few round spans below 100 % that shows the lowest value, in ten-thousandths.
    private static func span(below lowest: Percent) -> Int64 {
        let spans: [Int64] = [2_000, 10_000, 20_000, 50_000, 100_000, 200_000, 400_000, 1_000_000]
        let needed = Percent.hundred.tenThousandths - lowest.tenThousandths
        return spans.first { $0 >= needed } ?? 1_000_000
    }

    private static func path(_ heights: [Double?], x: (Int) -> Double) -> String {
        var path = ""
        var isDrawing = false
        for (index, height) in heights.enumerated() {
            guard let height else {
                isDrawing = false
                continue
            }
            path += "\(isDrawing ? "L" : "M")\(number(x(index))) \(number(height)) "
            isDrawing = true
        }
        return String(path.dropLast())
    }

    /// Where the entries of a legend go, from its left end, as wide as their words are on paper.
    static func legend(_ names: [String]) -> [(x: Double, row: Int)] {
        var places: [(x: Double, row: Int)] = []
        var next = (x: 0.0, row: 0)
        for name in names {
            let needed = 40 + 8.5 * Double(name.count)
            if next.x > 0, next.x + needed > width { next = (0, next.row + 1) }
            places.append(next)
            next.x += needed
        }
        return places
    }

    /// One decimal, the same in every locale.
    static func number(_ value: Double) -> String {
        FixedPoint.text(Int64((value * 10).rounded()), places: 1)
    }

    private static func summary(_ grid: TrendGrid) -> String {
        let parts = grid.series.map { line in
            "\(line.name) \(line.values.last.flatMap(\.self).map { "\($0) %" } ?? "without a figure")"
        }
        return "\(grid.name.title) by month. Last month: \(parts.joined(separator: ", "))."
    }
}

extension TrendGrid {
    /// The same from the first month on that has a figure.
    var withoutEmptyStart: TrendGrid {
        let first = months.indices.first { month in series.contains { $0.values[month] != nil } } ?? 0
        return TrendGrid(
            name: name, months: Array(months[first...]),
            series: series.map { Series(name: $0.name, target: $0.target, values: Array($0.values[first...])) })
    }
}

/// What was gone of each allowance at the end of each day.
struct BudgetBurn {
    let month: Month
    let series: [PageChart.Values]

    /// Of the promises about the whole report that allow for anything: minutes of the whole month, and tasks of those
    /// that are valid so far.
    init(_ promises: [Promise], _ figures: SLAFigures, _ scope: SLAScope) {
        let (month, dayStarts) = (scope.request.month, scope.dayStarts)
        let passed = dayStarts.count { $0 < scope.current.cutoff }
        self.month = month
        series = promises.compactMap { promise in
            guard let target = promise.target, target < .hundred, promise.budget.state != nil else { return nil }
            let spent: [Int64]
            let whole: Int64
            switch promise.name {
            case .availability:
                let own = figures.detail.downtime.filter { $0.component == promise.subject }
                let minutes = DayMinutes(own, scope)
                spent = (1...month.dayCount).map { minutes[$0, .down] }
                whole = scope.progress.totalMinutes
            case .completion:
                guard
                    let model = figures.detail.models.first(where: {
                        $0.model.utf8.elementsEqual(promise.subject.utf8)
                    })
                else { return nil }
                spent = (1...month.dayCount).map { model.count(MonthDays.bad, day: $0) }
                whole = promise.attainment.valid
            default: return nil
            }
            let share = Int128(Percent.hundred.tenThousandths - target.tenThousandths) * Int128(whole)
            guard share > 0 else { return nil }
            var sum: Int64 = 0
            let values = spent.enumerated().map { day, count -> Percent? in
                sum += count
                guard day < passed else { return nil }
                let million = Int128(Percent.hundred.tenThousandths)
                return Percent(tenThousandths: Int64(clamping: Int128(sum) * million * million / share))
            }
            let name = promise.subject.isEmpty ? promise.name.title : promise.subject
            let alike = promises.filter { $0.name == promise.name }
            let index = alike.firstIndex { $0.subject.utf8.elementsEqual(promise.subject.utf8) } ?? 0
            return PageChart.Values(promise.name, index, name: name, values: values)
        }
    }

    /// The same numbers as a table.
    var table: Table {
        Table(
            name: "budget-by-day", title: "Budget burnt by day", note: "",
            columns: [Column("day", .text)] + series.map { Column($0.name, .percent, title: "\($0.name) %") },
            rows: (1...month.dayCount).map { day in
                [.text(month.dayText(day))] + series.map { .optional($0.values[day - 1]) }
            })
    }
}
