import Documents
import Domain

/// A line chart of percentages by month, as numbers for inline SVG.
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
        /// SVG path data; a month without a figure is a gap.
        let path: String
        let marks: [Mark]
        let legendX: String
        let legendTextX: String
    }

    let anchor: String
    let title: String
    let summary: String
    let xTicks: [Tick]
    let yTicks: [Tick]
    let series: [Series]
    /// The height of the target's line; empty where series have different targets.
    let targetY: String
    let targetLabel: String
    let hasTarget: Bool
    let table: PageTable

    private static let left = 58.0
    private static let width = 640.0
    private static let top = 14.0
    private static let height = 150.0

    /// Lays out one promise of the trend; nil where no month has a figure.
    init?(_ grid: TrendGrid) {
        guard !grid.isEmpty else { return nil }
        let values = grid.series.flatMap { $0.values.compactMap(\.self) }
        let targets = Set(grid.series.compactMap(\.target))
        let lowest = (values + targets).min() ?? .zero
        let span = Self.span(below: lowest)
        func x(_ index: Int) -> Double {
            Self.left + Self.width * Double(index) / Double(max(grid.months.count - 1, 1))
        }
        func y(_ percent: Percent) -> Double {
            let fraction = Double(Percent.hundred.tenThousandths - percent.tenThousandths) / Double(span)
            return Self.top + Self.height * fraction
        }
        anchor = "chart-" + grid.name.rawValue.replacing("_", with: "-")
        title = grid.name.title
        summary = Self.summary(grid)
        xTicks = grid.months.enumerated().map { Tick(position: Self.number(x($0)), label: $1.description) }
        yTicks = (0...4).map { step in
            let percent = Percent(tenThousandths: Percent.hundred.tenThousandths - span * Int64(step) / 4)
            return Tick(position: Self.number(y(percent)), label: Self.short(percent))
        }
        series = grid.series.enumerated().map { index, line in
            let marks = line.values.enumerated().compactMap { month, value in
                value.map { percent in
                    Mark(
                        x: Self.number(x(month)), y: Self.number(y(percent)),
                        label: "\(line.name), \(grid.months[month]): \(percent) %")
                }
            }
            let legendX = Self.left + 150 * Double(index)
            return Series(
                name: line.name, style: "s\(index % 6 + 1)",
                path: Self.path(line.values.map { $0.map(y) }, x: x), marks: marks,
                legendX: Self.number(legendX), legendTextX: Self.number(legendX + 26))
        }
        let target = targets.count == 1 ? targets.first : nil
        hasTarget = target != nil
        targetY = target.map { Self.number(y($0)) } ?? ""
        targetLabel = target.map { "target \(Self.short($0)) %" } ?? ""
        table = PageTable(grid.table)
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

    /// One decimal, the same in every locale.
    private static func number(_ value: Double) -> String {
        FixedPoint.text(Int64((value * 10).rounded()), places: 1)
    }

    /// A percentage without needless zeros: `99.95`.
    private static func short(_ percent: Percent) -> String {
        var text = percent.description
        while text.hasSuffix("0") { text.removeLast() }
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    private static func summary(_ grid: TrendGrid) -> String {
        let parts = grid.series.map { line in
            "\(line.name) \(line.values.last.flatMap(\.self).map { "\($0) %" } ?? "without a figure")"
        }
        return "\(grid.name.title) by month. Last month: \(parts.joined(separator: ", "))."
    }
}
