import Documents
import Domain
import Schema
import Spreadsheet

/// The workbook of an SLA report: a summary, a sheet per table, the tasks, the definitions and the provenance.
final class SLAWorkbook {
    private let workbook: Workbook
    private let writer: SheetWriter
    private let scope: SLAScope
    private var taskSheets: [Sheet] = []
    private var status = ""

    /// The first rows of the summary: title, verdict, two lines of facts.
    private static let summaryHeaderRow = 4
    /// Rows from the top of one chart to the top of the next.
    private static let chartRows = 16
    /// Of the lines that were promised, beside those that were reached.
    private static let targetColour = Colour(0x52606D)

    init(path: String, temporaryDirectory: String, scope: SLAScope) throws {
        self.scope = scope
        let title = "Service level report \(scope.request.month.title)"
        let subject = scope.onlyAccount?.slug ?? "all customers"
        workbook = try Workbook(
            path: path, temporaryDirectory: temporaryDirectory,
            properties: WorkbookProperties(
                created: scope.current.period.end, title: title, subject: subject,
                comments: scope.isFinal ? "final" : "preliminary",
                custom: scope.contracts.prefix(1).map { (name: "Contract profile SHA-256", text: $0.sha256) }))
        writer = SheetWriter(
            workbook: workbook, footer: "\(title), \(subject), \(scope.isFinal ? "final" : "preliminary")")
    }

    /// Cells that were too long for a spreadsheet.
    var cutCells: [CutCell] { workbook.cutCells }

    /// The summary with the promises, the other tables and the trend.
    func addTables(_ tables: SLATables.Made, summary: SLASummary, grids: [TrendGrid]) throws {
        status = summary.status
        let promises = summary.tableWidestFirst
        let sheet = try addSummary(promises, summary)
        for table in tables.counted + [tables.exceptions] { try writer.add(table) }
        try addTrend(grids)
        // The charts point at the sheet of the trend, so they come after it.
        for (index, chart) in try charts(grids).enumerated() {
            try sheet.insert(
                chart, row: Self.summaryHeaderRow + index * Self.chartRows, column: promises.columns.count + 1)
        }
    }

    private func addSummary(_ promises: Table, _ summary: SLASummary) throws -> Sheet {
        let headerRow = Self.summaryHeaderRow
        let sheet = try writer.sheet(
            "Summary", columns: promises.columns, headerRow: headerRow, widths: SheetWriter.widths(promises))
        let big = try workbook.format(CellStyle(bold: true, size: 16))
        let bold = try workbook.format(CellStyle(bold: true))
        let soft = try workbook.format(CellStyle(fontColour: Colour(0x52606D)))
        let facts = SLAPage.Facts(scope, status: summary.status)
        try sheet.write(
            row: 0, column: 0,
            text: "Service level report, \(scope.request.month.title), \(scope.onlyAccount?.name ?? "all customers")",
            format: big)
        try sheet.write(
            row: 1, column: 0, text: "\(summary.status.uppercased()): \(summary.sentence)", format: bold)
        for (row, facts) in [(2, facts.period), (3, facts.judgement)] {
            let line = facts.map { "\($0.term): \($0.value)" }.joined(separator: "   ")
            try sheet.write(row: row, column: 0, text: line, format: soft)
        }
        try writer.writeHeader(promises.columns, to: sheet, row: headerRow)
        try writer.writeRows(promises, to: sheet, firstRow: headerRow + 1)
        return sheet
    }

    /// The trend as one grid, a row per month: what the charts of the summary point at.
    private func addTrend(_ grids: [TrendGrid]) throws {
        let series = grids.flatMap { grid in grid.series.map { (grid, $0) } }
        let targets = grids.flatMap { grid in Self.targets(of: grid).map { (grid, $0) } }
        let columns =
            [Column("month", .text)]
            + series.map { grid, line in
                Column(line.name, .percent, title: "\(grid.name.title): \(line.name) %", width: 18)
            }
            + targets.map { grid, target in
                Column(target.name, .percent, title: "\(grid.name.title): \(target.name) %", width: 18)
            }
        let months = grids.first?.months ?? []
        let table = Table(
            name: "trend", title: "Trend", note: "", columns: columns,
            rows: months.enumerated().map { index, month in
                [.text(month.description)] + series.map { .optional($0.1.values[index]) }
                    + targets.map { .percent($0.1.percent) }
            })
        try writer.add(table)
    }

    /// What a grid's lines are to reach, each target once: a line of its own in the chart.
    private static func targets(of grid: TrendGrid) -> [(name: String, percent: Percent)] {
        let all = Set(grid.series.compactMap(\.target)).sorted()
        return all.map { target in
            let own = grid.series.filter { $0.target == target }.map(\.name)
            return (all.count == 1 ? "target" : "target of \(own.joined(separator: ", "))", target)
        }
    }

    private func charts(_ grids: [TrendGrid]) throws -> [ChartHandle] {
        var column = 1
        var targetColumn = 1 + grids.reduce(0) { $0 + $1.series.count }
        var charts: [ChartHandle] = []
        for grid in grids {
            let (first, firstTarget) = (column, targetColumn)
            let targets = Self.targets(of: grid)
            column += grid.series.count
            targetColumn += targets.count
            guard !grid.isEmpty else { continue }
            let rows = 1...max(grid.months.count, 1)
            let months = CellRange(sheet: "Trend", rows: rows, column: 0)
            let lowest =
                grid.series.flatMap { $0.values.compactMap(\.self) + [$0.target].compactMap(\.self) }.min() ?? .zero
            let chart = Chart(
                title: "\(grid.name.title), % attained by month", summary: "The numbers are on the sheet Trend.",
                valueMinimum: Double(lowest.tenThousandths / 10_000), valueMaximum: 100, valueFormat: "0.00",
                series: grid.series.enumerated().map { index, line in
                    ChartSeries(
                        name: line.name, categories: months,
                        values: CellRange(sheet: "Trend", rows: rows, column: first + index),
                        colour: Colour.series[index % Colour.series.count])
                }
                    + targets.enumerated().map { index, target in
                        ChartSeries(
                            name: "\(target.name), \(target.percent) %", categories: months,
                            values: CellRange(sheet: "Trend", rows: rows, column: firstTarget + index),
                            colour: Self.targetColour, isLimit: true)
                    }, width: 620, height: 300)
            charts.append(try workbook.addLineChart(chart))
        }
        return charts
    }

    /// The sheets of the drill-down, as many as the tasks take, and the format of each column.
    func addTaskSheets(count: Int64) throws -> (sheets: [Sheet], formats: [Format]) {
        let sheets = max((Int(count) + Limits.sheetRows - 1) / Limits.sheetRows, 1)
        for number in 1...sheets {
            let sheet = try writer.sheet(
                number == 1 ? "Tasks" : "Tasks \(number)", columns: TaskDrillDown.columns,
                widths: TaskDrillDown.columns.map { $0.width ?? 12 })
            try writer.writeHeader(TaskDrillDown.columns, to: sheet)
            taskSheets.append(sheet)
        }
        return (taskSheets, try TaskDrillDown.columns.map { try writer.format(of: $0) })
    }

    /// Ends the sheets of the drill-down, once their rows are written.
    func finishTaskSheets(count: Int64) throws {
        for (index, sheet) in taskSheets.enumerated() {
            let rows = min(Int(count) - index * Limits.sheetRows, Limits.sheetRows)
            try writer.finish(sheet, columns: TaskDrillDown.columns, rows: rows)
        }
    }

    /// The definitions and the provenance; then the file is complete.
    func close(definitions: [SLAPage.Definition], provenance: Table) throws {
        let table = Table(
            name: "definitions", title: "Definitions", note: "",
            columns: [Column("term", .text, width: 30), Column("definition", .text, width: 110)],
            rows: definitions.map { [.text($0.term), .text($0.text)] }
                + SLAPage.Facts(scope, status: status).all.map { [.text($0.term), .text($0.value)] })
        try writer.add(table)
        try writer.add(provenance)
        try workbook.close()
    }
}
