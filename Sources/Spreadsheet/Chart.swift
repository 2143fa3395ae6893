import CXlsxWriter

/// What a chart shows. A workbook turns it into a ``ChartHandle``.
///
/// Texts are literal and hold no control character; a `=` at the start gets a
/// space before it, because it would make a formula of the text.
public struct Chart: Hashable, Sendable {
    /// What stands above it.
    public var title: String
    /// What it says, for those who do not see it.
    public var summary: String
    /// The name of the horizontal axis.
    public var categoryTitle: String
    /// The name of the vertical axis.
    public var valueTitle: String
    /// The low end of the vertical axis; nil for one that fits the values.
    public var valueMinimum: Double?
    /// The high end of the vertical axis; nil for one that fits the values.
    public var valueMaximum: Double?
    /// How the vertical axis' numbers are shown; nil for the format of the first value's cell.
    public var valueFormat: NumberFormat?
    /// What is drawn; at least one.
    public var series: [ChartSeries]
    /// Pixels, at 96 to an inch.
    public var width: Double
    /// Pixels, at 96 to an inch.
    public var height: Double

    public init(
        title: String, summary: String = "", categoryTitle: String = "", valueTitle: String = "",
        valueMinimum: Double? = nil, valueMaximum: Double? = nil, valueFormat: NumberFormat? = nil,
        series: [ChartSeries], width: Double = 720, height: Double = 360
    ) {
        self.title = title
        self.summary = summary
        self.categoryTitle = categoryTitle
        self.valueTitle = valueTitle
        self.valueMinimum = valueMinimum
        self.valueMaximum = valueMaximum
        self.valueFormat = valueFormat
        self.series = series
        self.width = width
        self.height = height
    }

    /// Throws for what a chart cannot show.
    func check() throws(SpreadsheetError) {
        let texts = [title, summary, categoryTitle, valueTitle, valueFormat?.code ?? ""] + series.map(\.name)
        for text in texts {
            try PlainText.check(text, .chart, "A text of a chart")
            guard text.utf8.count < SpreadsheetLimits.attributeBytes else {
                throw SpreadsheetError(.chart, "A text of the chart \"\(title)\" is too long.")
            }
        }
        guard !series.isEmpty else { throw SpreadsheetError(.chart, "The chart \"\(title)\" shows nothing.") }
        guard width.isFinite, height.isFinite, width >= 1, height >= 1,
            valueMinimum?.isFinite ?? true, valueMaximum?.isFinite ?? true
        else { throw SpreadsheetError(.chart, "The chart \"\(title)\" has no size, or an axis without an end.") }
    }

    /// A text that no program reads as a formula.
    static func literal(_ text: String) -> String {
        text.hasPrefix("=") ? " " + text : text
    }
}

/// One line of a chart.
public struct ChartSeries: Hashable, Sendable {
    /// What the legend calls it.
    public var name: String
    /// The cells with the names on the horizontal axis.
    public var categories: CellRange
    /// The cells with the values; an empty one is a gap.
    public var values: CellRange
    /// Nil for the next of ``Colour/series``.
    public var colour: Colour?
    /// Drawn as a broken line without marks, for a limit that stands beside what was measured.
    public var isLimit: Bool

    public init(
        name: String, categories: CellRange, values: CellRange, colour: Colour? = nil, isLimit: Bool = false
    ) {
        self.name = name
        self.categories = categories
        self.values = values
        self.colour = colour
        self.isLimit = isLimit
    }
}

/// A chart of a workbook, to be inserted into a sheet once.
public final class ChartHandle {
    let workbook: Workbook
    let pointer: UnsafeMutablePointer<lxw_chart>
    let chart: Chart
    /// True once it stands on a sheet.
    var isInserted = false

    init(workbook: Workbook, pointer: UnsafeMutablePointer<lxw_chart>, chart: Chart) {
        self.workbook = workbook
        self.pointer = pointer
        self.chart = chart
    }

    /// Lends the options with which the library inserts the chart.
    func withOptions(_ body: (inout lxw_chart_options) -> lxw_error) -> lxw_error {
        chart.summary.withCString { summary in
            var options = lxw_chart_options()
            options.x_scale = chart.width / Self.defaultWidth
            options.y_scale = chart.height / Self.defaultHeight
            // Columns that a reader widens move the chart and leave its size alone.
            options.object_position = UInt8(LXW_OBJECT_MOVE_DONT_SIZE.rawValue)
            // The library makes its own copy and does not write to this one.
            if !chart.summary.isEmpty { options.description = UnsafeMutablePointer(mutating: summary) }
            return body(&options)
        }
    }

    /// Pixels of a chart at scale 1.
    private static let defaultWidth = 480.0
    private static let defaultHeight = 288.0
}

extension Workbook {
    /// Makes a chart of lines, one mark for a value.
    public func addLineChart(_ chart: Chart) throws(SpreadsheetError) -> ChartHandle {
        try chart.check()
        for series in chart.series {
            try checkExists(series.categories)
            try checkExists(series.values)
        }
        guard let pointer = workbook_add_chart(open, UInt8(LXW_CHART_LINE.rawValue)) else { throw .outOfMemory }
        for (index, series) in chart.series.enumerated() {
            try add(series, index: index, to: pointer)
        }
        if chart.title.isEmpty {
            chart_title_off(pointer)
        } else {
            chart_title_set_name(pointer, Chart.literal(chart.title))
        }
        setAxes(of: pointer, chart)
        chart_legend_set_position(pointer, UInt8(LXW_CHART_LEGEND_BOTTOM.rawValue))
        return ChartHandle(workbook: self, pointer: pointer, chart: chart)
    }

    private func setAxes(of pointer: UnsafeMutablePointer<lxw_chart>, _ chart: Chart) {
        let values = pointer.pointee.y_axis
        if !chart.categoryTitle.isEmpty {
            chart_axis_set_name(pointer.pointee.x_axis, Chart.literal(chart.categoryTitle))
        }
        if !chart.valueTitle.isEmpty { chart_axis_set_name(values, Chart.literal(chart.valueTitle)) }
        if let minimum = chart.valueMinimum { chart_axis_set_min(values, minimum) }
        if let maximum = chart.valueMaximum { chart_axis_set_max(values, maximum) }
        if let format = chart.valueFormat { chart_axis_set_num_format(values, format.code) }
        var gridline = lxw_chart_line()
        gridline.color = Self.gridlineColour
        gridline.width = 0.75
        chart_axis_major_gridlines_set_line(values, &gridline)
    }

    private func add(
        _ series: ChartSeries, index: Int, to chart: UnsafeMutablePointer<lxw_chart>
    ) throws(SpreadsheetError) {
        let pointer = chart_add_series(chart, "=" + series.categories.reference, "=" + series.values.reference)
        guard let pointer else { throw .outOfMemory }
        chart_series_set_name(pointer, Chart.literal(series.name))
        let colour = (series.colour ?? Colour.series[index % Colour.series.count]).library
        var line = lxw_chart_line()
        var fill = lxw_chart_fill()
        line.color = colour
        fill.color = colour
        line.width = 2
        if series.isLimit { line.dash_type = UInt8(LXW_CHART_LINE_DASH_DASH.rawValue) }
        chart_series_set_line(pointer, &line)
        let marker = series.isLimit ? LXW_CHART_MARKER_NONE : Self.markers[index % Self.markers.count]
        chart_series_set_marker_type(pointer, UInt8(marker.rawValue))
        guard !series.isLimit else { return }
        line.width = 0.75
        line.dash_type = 0
        chart_series_set_marker_line(pointer, &line)
        chart_series_set_marker_fill(pointer, &fill)
    }

    /// Marks that stay apart without colours.
    private static let markers = [
        LXW_CHART_MARKER_CIRCLE, LXW_CHART_MARKER_SQUARE, LXW_CHART_MARKER_DIAMOND, LXW_CHART_MARKER_TRIANGLE,
    ]
    private static let gridlineColour: UInt32 = 0xD9D9D9
}
