import Documents
import Domain
import Spreadsheet

/// The chart of a custom report's sheet: lines over its rows, as numbers for inline SVG. The table below it has them
/// all.
struct CustomChart: Sendable {
    /// What `report.json` says of it.
    struct Definition: Sendable {
        /// The column whose values stand below the lines.
        let categories: String
        /// The columns of numbers, a line each.
        let values: [String]
    }

    struct Tick: Sendable {
        let position: String
        let label: String
    }

    struct Line: Sendable {
        let name: String
        /// A CSS class, `s1` to `s6`.
        let style: String
        /// SVG path data; a row without a number is a gap.
        let path: String
        let legendX: String
        let legendTextX: String
    }

    let anchor: String
    let title: String
    let summary: String
    let xTicks: [Tick]
    let yTicks: [Tick]
    let series: [Line]

    private static let (left, width, top, height) = (70.0, 628.0, 14.0, 150.0)
    private static let mostTicks = 8

    /// Lays out the rows of a table that the page shows; nil where no row has a number.
    init?(_ definition: Definition, of table: Table) {
        let places = Self.places(definition, in: table.columns)
        guard let category = places.category, !table.rows.isEmpty else { return nil }
        let lines = places.values.map { place in table.rows.map { $0[place].chartNumber } }
        let known = lines.flatMap { $0.compactMap(\.self) }
        guard let least = known.min(), let most = known.max() else { return nil }
        let steps = Self.steps(from: min(least, 0), to: max(most, 0))
        func x(_ row: Int) -> Double { Self.left + Self.width * Double(row) / Double(max(table.rows.count - 1, 1)) }
        func y(_ value: Double) -> Double {
            Self.top + Self.height * (steps[steps.count - 1] - value) / (steps[steps.count - 1] - steps[0])
        }
        let names = places.values.map { table.columns[$0].title }
        anchor = "chart-\(table.name.replacing("_", with: "-"))"
        title = "\(names.joined(separator: ", ")) by \(table.columns[category].title.lowercased())"
        summary =
            "\(table.rows.count) rows, from \(table.rows[0][category].pageText) to "
            + "\(table.rows[table.rows.count - 1][category].pageText). The table below has every number."
        let stride = max((table.rows.count + Self.mostTicks - 1) / Self.mostTicks, 1)
        xTicks = Swift.stride(from: 0, to: table.rows.count, by: stride).map { row in
            Tick(position: Self.number(x(row)), label: String(table.rows[row][category].pageText.prefix(12)))
        }
        yTicks = steps.map { Tick(position: Self.number(y($0)), label: Self.label($0)) }
        series = zip(names, lines).enumerated().map { index, line in
            let legend = Self.left + 150 * Double(index % 4)
            return Line(
                name: line.0, style: "s\(index % 6 + 1)", path: Self.path(line.1.map { $0.map(y) }, x: x),
                legendX: Self.number(legend), legendTextX: Self.number(legend + 26))
        }
    }

    /// Where the columns of a chart are. Throws `configuration` for one that the query does not give or that holds no
    /// numbers.
    static func check(_ definition: Definition, in columns: [Column], query: String) throws(DaybookError) {
        for name in [definition.categories] + definition.values where !columns.contains(where: { $0.id == name }) {
            throw .configuration("\(query).sql gives no column \(name), which the chart of report.json names.")
        }
        for column in columns where definition.values.contains(column.id) && !column.kind.isNumeric {
            throw .configuration(
                "The column \(column.id) of \(query).sql holds no numbers, and the chart of report.json draws it.")
        }
    }

    private static func places(
        _ definition: Definition, in columns: [Column]
    ) -> (category: Int?, values: [Int]) {
        (
            columns.firstIndex { $0.id == definition.categories },
            definition.values.compactMap { name in columns.firstIndex { $0.id == name } }
        )
    }

    /// The same for a workbook, over the rows of a sheet.
    static func sheetChart(
        _ definition: Definition, columns: [Column], sheet: String, rows: Int, title: String
    ) -> Chart? {
        let places = places(definition, in: columns)
        guard rows > 0, let category = places.category else { return nil }
        return Chart(
            title: title, summary: "The numbers are in the rows of this sheet.",
            series: places.values.enumerated().map { index, place in
                ChartSeries(
                    name: columns[place].title,
                    categories: CellRange(sheet: sheet, rows: 1...rows, column: category),
                    values: CellRange(sheet: sheet, rows: 1...rows, column: place),
                    colour: Colour.series[index % Colour.series.count])
            })
    }

    /// Four to eight round values from below the least to above the most.
    private static func steps(from least: Double, to most: Double) -> [Double] {
        let span = most > least ? most - least : 1
        var step = 1e-6
        while span / step > 6 {
            step *= 10
        }
        for part in [0.1, 0.2, 0.5] where span / (step * part) <= 6 {
            step *= part
            break
        }
        let (first, last) = ((least / step).rounded(.down), max((most / step).rounded(.up), (least / step) + 1))
        return Array(stride(from: first, through: last, by: 1)).map { $0 * step }
    }

    private static func path(_ heights: [Double?], x: (Int) -> Double) -> String {
        var parts: [String] = []
        var isDrawing = false
        for (row, height) in heights.enumerated() {
            guard let height else {
                isDrawing = false
                continue
            }
            parts.append("\(isDrawing ? "L" : "M")\(number(x(row))) \(number(height))")
            isDrawing = true
        }
        return parts.joined(separator: " ")
    }

    /// One decimal, the same in every locale.
    private static func number(_ value: Double) -> String {
        FixedPoint.text(Int64((value * 10).rounded()), places: 1)
    }

    /// A round value with as many of six decimals as it takes.
    private static func label(_ value: Double) -> String {
        guard abs(value) < 1e12 else { return String(value) }
        var text = FixedPoint.text(Int64((value * 1_000_000).rounded()), places: 6)
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return GroupedNumber.grouping(text)
    }
}

extension Cell {
    /// The number of a cell as a chart draws it; nil for everything else.
    fileprivate var chartNumber: Double? {
        switch self {
        case .integer, .percent, .duration, .dollars, .decimal: Double(plainText).flatMap { $0.isFinite ? $0 : nil }
        default: nil
        }
    }
}
